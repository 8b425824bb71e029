from prometheus_client.parser import text_string_to_metric_families

from deployments.exposition import merge

ONE = """# HELP ray_gitex_images_total Pictures finished by an engine.
# TYPE ray_gitex_images_total counter
ray_gitex_images_total{variant="a@1",WorkerId="1"} 3.0
# HELP ray_gitex_request_seconds Seconds.
# TYPE ray_gitex_request_seconds histogram
ray_gitex_request_seconds_bucket{le="0.1",WorkerId="1"} 1.0
ray_gitex_request_seconds_bucket{le="+Inf",WorkerId="1"} 2.0
ray_gitex_request_seconds_count{WorkerId="1"} 2.0
ray_gitex_request_seconds_sum{WorkerId="1"} 0.5
"""
OTHER = ONE.replace('WorkerId="1"', 'WorkerId="2"')


def test_families_of_two_nodes_become_one_with_all_series() -> None:
    merged = merge([ONE, OTHER])
    assert merged.count("# TYPE ray_gitex_images_total counter") == 1
    families = {family.name: family for family in text_string_to_metric_families(merged)}
    workers = {sample.labels["WorkerId"] for sample in families["ray_gitex_images"].samples}
    assert workers == {"1", "2"}
    buckets = [s for s in families["ray_gitex_request_seconds"].samples if s.name.endswith("_bucket")]
    assert len(buckets) == 4


def test_no_nodes_is_an_empty_exposition() -> None:
    assert merge([]).strip() == ""

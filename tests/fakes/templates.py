"""A template store in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gitex.errors import Conflict, InvalidInput, NotFound
from gitex.templates import PopularRendering, Rendering, StoredTemplate, TemplatePage


@dataclass
class MemoryTemplates:
    """A `gitex.ports.TemplateStore`. `error`: what recording uses raises."""

    templates: list[StoredTemplate] = field(default_factory=list)
    uses: dict[str, Counter[Rendering]] = field(default_factory=dict)
    error: Exception | None = None

    async def add(self, template: StoredTemplate) -> None:
        if any(each.name == template.name for each in self.templates):
            raise Conflict(f"name: there is a template {template.name!r} already", param="name")
        self.templates.append(template)

    async def get(self, key: str) -> StoredTemplate:
        for each in self.templates:
            if key in (each.id, each.name):
                return each
        raise NotFound(f"there is no template {key!r}", param="template")

    async def list(self, after: str = "", limit: int = 20) -> TemplatePage:
        newest = self.templates[::-1]
        ids = [each.id for each in newest]
        if after and after not in ids:
            raise InvalidInput("after: is not the `next` of a page", param="after")
        rest = newest[ids.index(after) + 1 :] if after else newest
        return TemplatePage(tuple(rest[:limit]), rest[limit - 1].id if len(rest) > limit else "")

    async def delete(self, key: str, owner: str | None = None) -> None:
        template = await self.get(key)
        if owner not in (None, template.creator):
            raise NotFound(f"there is no template {key!r}", param="template")
        self.templates.remove(template)
        self.uses.pop(template.id, None)

    async def record(self, template_id: str, uses: Mapping[Rendering, int]) -> None:
        if self.error is not None:
            raise self.error
        self.uses.setdefault(template_id, Counter()).update(uses)

    async def popular(self, template_id: str, limit: int) -> Sequence[PopularRendering]:
        counted = self.uses.get(template_id, Counter()).most_common(limit)
        return [PopularRendering(rendering, uses) for rendering, uses in counted]

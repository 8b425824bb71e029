"""The use cases of prompt templates: keep them, render them, know which renderings are popular."""

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from gitex.errors import InvalidInput
from gitex.metrics import TEMPLATE_READS, TEMPLATE_SAVED_SECONDS
from gitex.ports import Recorder, TemplateStore
from gitex.slots import Value
from gitex.templates import PopularRendering, PromptTemplate, Rendering, StoredTemplate, TemplatePage
from serve_app.services.generation import Generated
from serve_app.services.template_uses import TemplateUses

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,63}$"
"""No underscore, which every id has: so a name is never an id."""


class Templates:
    """One instance serves all requests of a process."""

    def __init__(self, store: TemplateStore, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder
        self._uses = TemplateUses(store)

    async def create(self, name: str, prompt: PromptTemplate, seed: int | None, creator: str) -> StoredTemplate:
        """Keep a template; without a seed one is drawn, once for all of its requests. Raises `Conflict`."""
        if re.fullmatch(NAME_PATTERN, name) is None:
            raise InvalidInput("name: must be small letters, digits and -, at most 64", param="name")
        template = StoredTemplate(
            id=f"tpl_{secrets.token_hex(12)}",
            name=name,
            prompt=prompt,
            seed=secrets.randbelow(2**32) if seed is None else seed,
            creator=creator,
            created_at=datetime.now(UTC),
        )
        await self._store.add(template)
        return template

    async def get(self, key: str) -> StoredTemplate:
        """The template of that id or name. Raises `NotFound`."""
        return await self._store.get(key)

    async def list(self, after: str, limit: int) -> TemplatePage:
        """Newest first. Raises `InvalidInput` for an `after` that no page gave."""
        return await self._store.list(after, limit)

    async def delete(self, key: str) -> None:
        """Forget a template; its pictures stay. Raises `NotFound`."""
        await self._store.delete(key)

    async def renderings(self, key: str, top: int, limit: int) -> tuple[PopularRendering, ...]:
        """What is worth making beforehand, at most `limit`: the `top` most used, then combinations nobody used yet."""
        template = await self._store.get(key)
        used = await self._store.popular(template.id, min(top, limit)) if top else ()
        known = {popular.rendering for popular in used}
        found = list(used)
        for values in template.prompt.combinations(limit + len(known)):
            if len(found) >= limit:
                break
            if (fresh := Rendering.of(values, {})) not in known:
                found.append(PopularRendering(fresh, 0))
        return tuple(found)

    def watch(
        self, template: StoredTemplate, values: Mapping[str, Value], settings: Mapping[str, Any]
    ) -> Callable[[Generated], None]:
        """Who is to be told of each picture of one request: counts it, and the use once."""
        rendering, noted = Rendering.of(values, settings), False

        def told(generated: Generated) -> None:
            nonlocal noted
            self._count(template, generated)
            if not noted:
                noted = True
                self._uses.note(template.id, rendering)

        return told

    async def close(self) -> None:
        """Write the uses that are not written yet."""
        await self._uses.close()

    def _count(self, template: StoredTemplate, generated: Generated) -> None:
        self._recorder.count(TEMPLATE_READS.name, 1, {"template": template.name, "result": generated.cache})
        if generated.cache == "hit":
            stages = generated.asset.stages
            seconds = stages.encode + stages.denoise + stages.decode
            self._recorder.count(TEMPLATE_SAVED_SECONDS.name, seconds, {"template": template.name})

"""What processors declared: the options that each takes, of those that run and of the last of each module."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from attrs import define, field

from ..options import Option, Options

__all__ = ["Declared"]

_NONE = Options()


@define(eq=False)
class Declared:
    """By guid and by module; the same object for all that declared the same, so that they can be told alike."""

    _by_guid: dict[str, Options] = field(factory=dict)
    _by_module: dict[str, Options] = field(factory=dict)
    _same: WeakValueDictionary[tuple[Option, ...], Options] = field(factory=WeakValueDictionary)

    def put(self, guid: str, module: str, options: tuple[Option, ...]) -> None:
        """A running processor declared these."""
        self._by_guid[guid] = self._by_module[module] = self._same.setdefault(options, Options(options))

    def forget(self, guid: str) -> None:
        """The process that declared is no more; what it did still says what its module takes."""
        self._by_guid.pop(guid, None)

    def of(self, guid: str) -> Options:
        """What a processor declared; none, where it has not, or does not run."""
        return self._by_guid.get(guid, _NONE)

    def of_module(self, module: str) -> Options:
        """What the last of a module declared."""
        return self._by_module.get(module, _NONE)

    @contextmanager
    def presumed(self, guids: Collection[str], module: str, names: Collection[str]) -> Iterator[None]:
        """Meanwhile processors that are to be count as having declared, of some options, what their module did."""
        own = Options(tuple(option for option in self.of_module(module).declared if option.name in names))
        self._by_guid.update(dict.fromkeys(guids, own))
        try:
            yield
        finally:
            for guid in guids:
                # It may have declared by itself by then.
                if self._by_guid.get(guid) is own:
                    del self._by_guid[guid]

"""A browser without a screen: it speaks Streamlit's websocket protocol (messages of `streamlit.proto`), runs fragments
again when the page asks for it, and presses buttons. Pictures are not fetched."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.request import urlopen

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

Heard = Callable[[str, float], None]
FAULT = "the page stopped with an exception"
PRESSED = 60.0  # s that a button may take to be there


class Browser:
    """One visitor of one page. `heard` is told each text that the page shows, and when it came (monotonic, s).

    `query` is the address' query as the page last set it, `bytes_received` what came over the websocket.
    """

    def __init__(self, url: str, page: str, query: str, heard: Heard) -> None:
        self.url, self.page, self.query, self.heard = url, page, query, heard
        self.bytes_received, self.reruns, self.broken = 0, 0, False
        self._buttons: dict[str, tuple[str, str]] = {}
        self._values: dict[str, WidgetState] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._script = ""  # which page the server shows: a rerun of the whole page begins there
        self._link: ClientConnection
        self._listening: asyncio.Task[None]

    async def open(self) -> None:
        """Ask for health, as a browser does first, for the cookie, join the websocket with it, and run the page."""
        cookie = await asyncio.to_thread(_cookie, self.url)
        address = self.url.replace("http", "ws", 1) + "/_stcore/stream"
        self._link = await connect(
            address, additional_headers={"Cookie": cookie}, origin=Origin(self.url), max_size=None, ping_interval=None,
            subprotocols=[Subprotocol("streamlit"), Subprotocol(cookie.partition("=")[2])],
        )  # fmt: skip
        self._listening = asyncio.create_task(self._listen())
        await self._run("")

    async def close(self) -> None:
        """Leave."""
        for timer in self._timers.values():
            timer.cancel()
        self._listening.cancel()
        await self._link.close()

    def set_slider(self, key: str, value: float) -> None:
        """Move the slider of this key; the page learns it with the next press."""
        state = next(one for name, one in self._values.items() if _key(name) == key)
        state.double_array_value.data[:] = [value]

    async def press(self, key: str) -> float:
        """Press the button of this key, when it is there; the moment at which it was (monotonic, s)."""
        async with asyncio.timeout(PRESSED):
            while key not in self._buttons:
                self._news.clear()
                await self._news.wait()
        widget, fragment = self._buttons[key]
        moment = time.monotonic()
        await self._run(fragment, widget)
        return moment

    def has(self, key: str) -> bool:
        """Whether the page has shown this button in its present run."""
        return key in self._buttons

    async def _run(self, fragment: str, pressed: str = "", auto: bool = False) -> None:
        message = BackMsg()
        wanted = message.rerun_script
        wanted.query_string, wanted.page_name, wanted.fragment_id = self.query, self.page, fragment
        wanted.page_script_hash, wanted.is_auto_rerun = self._script, auto
        wanted.context_info.url = f"{self.url}/{self.page}"
        wanted.context_info.timezone, wanted.context_info.locale = "UTC", "en"
        wanted.widget_states.widgets.extend(self._values.values())
        if pressed:
            wanted.widget_states.widgets.add(id=pressed, trigger_value=True)
        self.reruns += 1
        try:
            await self._link.send(message.SerializeToString())
        except ConnectionClosed:
            self.broken = True

    async def _listen(self) -> None:
        try:
            async for data in self._link:
                self.bytes_received += len(data)
                message = ForwardMsg()
                message.ParseFromString(data if isinstance(data, bytes) else data.encode())
                self._take(message, time.monotonic())
        except ConnectionClosed:
            pass
        self.broken = True

    def _take(self, message: ForwardMsg, moment: float) -> None:
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self._script = message.navigation.page_script_hash
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self._stop(list(self._timers))
            self._buttons.clear()
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
            self.heard(f"?{self.query}", moment)
        elif kind == "auto_rerun":
            self._start(message.auto_rerun.fragment_id, message.auto_rerun.interval)
        elif kind == "stop_auto_rerun":
            self._stop(list(message.stop_auto_rerun.fragment_ids))
        elif kind == "delta":
            self._show(message.delta, moment)
        self._news.set()

    def _show(self, delta: Delta, moment: float) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "button":
            self._buttons[_key(element.button.id)] = (element.button.id, delta.fragment_id)
        elif kind in ("slider", "text_input", "button_group"):
            state = _state(element, kind)
            if getattr(element, kind).set_value or state.id not in self._values:
                self._values[state.id] = state
        elif kind in ("html", "alert", "markdown"):
            self.heard(getattr(element, kind).body, moment)
        elif kind == "exception":
            self.heard(FAULT, moment)

    def _start(self, fragment: str, interval: float) -> None:
        if fragment not in self._timers:
            self._timers[fragment] = asyncio.create_task(self._again(fragment, interval))

    def _stop(self, fragments: list[str]) -> None:
        for fragment in fragments:
            timer = self._timers.pop(fragment, None)
            if timer is not None:
                timer.cancel()

    async def _again(self, fragment: str, interval: float) -> None:
        with suppress(asyncio.CancelledError):
            while not self.broken:
                await asyncio.sleep(interval)
                await self._run(fragment, auto=True)


def _state(element: Element, kind: str) -> WidgetState:
    """What a browser sends for a widget: what the page says that it holds."""
    if kind == "slider":
        slider = element.slider
        state = WidgetState(id=slider.id)
        state.double_array_value.data.extend(slider.value if slider.set_value else slider.default)
    elif kind == "text_input":
        text = element.text_input
        state = WidgetState(id=text.id, string_value=text.value if text.set_value else text.default)
    else:
        group = element.button_group
        state = WidgetState(id=group.id)
        chosen = [group.options[place].content for place in group.default]
        state.string_array_value.data.extend(group.raw_values if group.set_value else chosen)
    return state


def _key(widget: str) -> str:
    """The key that the page gave a widget, of `$$ID-hash-key`."""
    return re.sub(r"^\$\$ID-[0-9a-f]+-", "", widget)


def _cookie(url: str) -> str:
    with urlopen(f"{url}/_stcore/health", timeout=60) as answer:
        return str(answer.headers["Set-Cookie"]).partition(";")[0]

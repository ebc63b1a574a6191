"""What viewers of a start get, whenever they come."""

import asyncio

from jupyterhub_gpu.story import Story


class Viewer:
    def __init__(self, story):
        self.seen = []
        self.task = asyncio.ensure_future(self._view(story))

    async def _view(self, story):
        async for event in story.view():
            self.seen.append(event["message"])


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_each_event_once_and_in_order():
    story = Story()
    first = Viewer(story)
    await settle()
    for number in range(3):
        story.tell(f"n{number}")
    story.tell("n2")
    await settle()
    assert first.seen == ["n0", "n1", "n2"]


async def test_who_comes_later_sees_what_counts_now():
    story = Story()
    first = Viewer(story)
    story.tell("asked")
    await settle()
    for number in range(100):
        story.tell(f"place {number}", passing=True)
        await settle()
    later = Viewer(story)
    await settle()
    assert later.seen == ["asked", "place 99"]
    story.tell("granted")
    await settle()
    assert later.seen == ["asked", "place 99", "granted"]
    assert len(first.seen) == 102
    assert story.messages == ["asked", "granted"]


async def test_a_new_start_forgets_the_old_for_newcomers_only():
    story = Story()
    story.tell("old")
    first = Viewer(story)
    await settle()
    story.clear()
    story.tell("new")
    later = Viewer(story)
    await settle()
    assert (first.seen, later.seen) == (["old", "new"], ["new"])


async def test_what_an_event_holds():
    story = Story()
    story.tell("a", html="<b>a</b>", progress=40)
    event = await anext(story.view())
    assert event == {"message": "a", "html_message": "<b>a</b>", "progress": 40}

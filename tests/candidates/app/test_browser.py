"""People judge in Chromium: by keyboard, in two tabs, on a phone, in the dark; nothing leaves loopback."""

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from candidates.app.guard import Access
from candidates.app.serve import open_socket
from candidates.app.server import create_app
from candidates.review import Edit
from candidates.reviews import Reviews
from candidates.store import Store
from tests.sample_records import RUN_ID, make_candidate, make_run

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
expect.set_options(timeout=20_000)  # a loaded machine is slow, not wrong

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
FORMULAS = ["Bi2Se3", "SnTe", "HgTe", "Na3Bi", "Cd3As2", "TaAs", "ZrTe5", "WTe2", "GaAs", "Ag2HgSnSe4"]
FOUND = [
    make_candidate(
        n, formula=formula, spacegroup=150 + n, p_topological=1 - n / 20, p_ti=1 - n / 20, p_tsm=0.0,
        p_trivial=n / 20, known=[], labels={}, hazards=["toxic: As"] if "As" in formula else [],
    )
    for n, formula in enumerate(FORMULAS, 1)
]  # fmt: skip
IDS = [c.id for c in FOUND]
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("needs Chromium (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def _served(store: Store, access: Access, port: int = 0) -> Iterator[str]:
    import uvicorn

    listening = open_socket("127.0.0.1", port)
    config = uvicorn.Config(
        create_app(store, access, "ana"), log_level="error", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@pytest.fixture
def store(tmp_path: object) -> Store:
    store = Store(f"sqlite:///{tmp_path}/store.sqlite")
    store.add_run(make_run(), FOUND)
    return store


@pytest.fixture
def address(store: Store) -> Iterator[str]:
    with _served(store, Access()) as url:
        yield url


@pytest.fixture
def opened(chromium: Any, address: str) -> Iterator[Open]:
    """Open the app as somebody; every request must stay on loopback and the console must stay empty."""
    trouble: list[str] = []
    asked: set[str] = set()
    contexts = []

    def one(name: str = "ana", ending: str = "", expected: str = "", **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1360, "height": 860}} | options)
        contexts.append(context)
        context.add_init_script(f"localStorage.setItem('reviewer', {name!r})" if name else "")
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("request", lambda request: asked.add(request.url.split("/")[2]))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "console",
            lambda line: (
                trouble.append(line.text)
                if line.type in {"error", "warning"} and not (expected and expected in line.text)
                else None
            ),
        )
        page.goto(address + "/" + ending)
        page.wait_for_selector("body[data-ready]")
        return page

    yield one
    for context in contexts:
        context.close()
    assert trouble == []
    assert asked <= {address.partition("//")[2]}


def _formulas(page: Any) -> list[str]:
    return [row.inner_text().replace("\n", "") for row in page.locator(".row .formula").all()]


def _heading(page: Any) -> Any:
    return page.locator(".candidate h1")


def _status(store: Store, n: int) -> str:
    state = Reviews(store).states().get(IDS[n])
    return state.status if state else "open"


def _until(check: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not check():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def test_judging_by_keyboard_undo_and_reload(opened: Open, store: Store) -> None:
    page = opened()
    expect(_heading(page)).to_have_text("Bi2Se3")
    expect(page.locator("#progress-text")).to_have_text("0 of 10 judged")
    page.keyboard.press("a")
    expect(_heading(page)).to_have_text("SnTe")
    page.keyboard.press("r")
    page.keyboard.press("h")
    expect(_heading(page)).to_have_text("Na3Bi")
    expect(page.locator("#progress-text")).to_have_text("3 of 10 judged")
    _until(lambda: [_status(store, n) for n in range(4)] == ["accepted", "rejected", "held", "open"])
    page.keyboard.press("u")
    expect(_heading(page)).to_have_text("HgTe")
    _until(lambda: _status(store, 2) == "open")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(_heading(page)).to_have_text("Na3Bi")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    expect(_heading(page)).to_have_text("Na3Bi")
    expect(page.locator("#progress-text")).to_have_text("2 of 10 judged")
    page.keyboard.press("2")
    expect(page.locator(".row .formula")).to_have_text(["Bi2Se3"])
    assert Reviews(store).accepted() == [IDS[0]]


def test_notes_tags_and_assignment(opened: Open, store: Store) -> None:
    page = opened()
    page.keyboard.press("n")
    expect(page.locator("#ask-title")).to_have_text("Note on Bi2Se3")
    page.keyboard.type("First line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("<b>second</b>")
    page.keyboard.press("Enter")
    expect(page.locator(".history .words")).to_have_text("First line\n<b>second</b>")
    page.keyboard.press("t")
    page.keyboard.type("soon, flat  band")
    page.keyboard.press("Enter")
    expect(page.locator("#standing .tag")).to_have_text(["flat band", "soon"])
    page.keyboard.press("t")
    page.locator(".suggestions button", has_text="soon").click()
    page.locator(".suggestions button", has_text="is:TSM").click()
    page.keyboard.press("Enter")
    expect(page.locator("#standing .tag")).to_have_text(["flat band", "is:TSM"])
    page.keyboard.press("g")
    page.keyboard.type("ben")
    page.keyboard.press("Enter")
    expect(page.locator("#standing")).to_contain_text("for ben")
    _until(lambda: Reviews(store).states()[IDS[0]].assignee == "ben")
    assert Reviews(store).states()[IDS[0]].notes[0].text == "First line\n<b>second</b>"


def test_a_note_that_was_begun_is_not_lost(opened: Open) -> None:
    page = opened()
    page.keyboard.press("n")
    page.keyboard.type("half a thou")
    page.keyboard.press("Escape")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.keyboard.press("n")
    expect(page.locator("#ask-note")).to_have_value("half a thou")


def test_letters_in_fields_are_letters(opened: Open, store: Store) -> None:
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type("arhu")
    expect(page.locator("#empty")).to_contain_text("Nothing fits these filters")
    page.keyboard.press("Escape")
    page.locator("#empty button").click()
    expect(page.locator(".row")).to_have_count(10)
    page.locator("#structure").focus()
    page.keyboard.press("a")
    page.keyboard.press("Control+a")
    page.wait_for_timeout(200)
    assert Reviews(store).states() == {}, "on the picture of the structure, a looks along an axis"


def test_filters(opened: Open) -> None:
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type("te")
    page.keyboard.press("Enter")
    expect(page.locator(".row .formula")).to_have_text(["SnTe", "HgTe", "ZrTe5", "WTe2"])
    page.locator("#search").fill("")
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    page.locator("#f-elements").fill("as −ga")
    expect(page.locator(".row .formula")).to_have_text(["Cd3As2", "TaAs"])
    page.locator("#f-elements").fill("")
    page.locator("#f-groups").fill("152, 155-157")
    expect(page.locator(".row .formula")).to_have_text(["SnTe", "Cd3As2", "TaAs", "ZrTe5"])
    page.locator("#f-low").fill("0.7")
    expect(page.locator(".row .formula")).to_have_text(["SnTe", "Cd3As2", "TaAs"])
    page.locator("#f-safe").check()
    expect(page.locator(".row .formula")).to_have_text(["SnTe"])
    page.reload()
    page.wait_for_selector("body[data-ready]")
    expect(page.locator(".row .formula")).to_have_text(["SnTe"])
    expect(page.locator("#filters-on")).to_have_text("3")
    page.locator("#filters summary").click()
    page.locator("#f-clear").click()
    expect(page.locator(".row")).to_have_count(10)


def test_filter_by_people_and_tags(opened: Open, store: Store) -> None:
    reviews = Reviews(store)
    reviews.add(IDS[:3], Edit(status="rejected"), "ben")
    reviews.add(IDS[3:5], Edit(status="rejected", tags=["soon"], assignee="cleo"), "ana")
    page = opened()
    page.keyboard.press("5")
    page.locator("#filters summary").click()
    page.locator("#f-reviewer").select_option("ben")
    expect(page.locator(".row .formula")).to_have_text(["Bi2Se3", "SnTe", "HgTe"])
    page.locator("#f-reviewer").select_option("")
    page.locator("#f-assignee").select_option("cleo")
    expect(page.locator(".row .formula")).to_have_text(["Na3Bi", "Cd3As2"])
    page.locator("#f-assignee").select_option("nobody")
    expect(page.locator(".row")).to_have_count(8)
    page.locator("#f-assignee").select_option("")
    page.locator("#f-tag").select_option("soon")
    expect(page.locator(".row .formula")).to_have_text(["Na3Bi", "Cd3As2"])


def test_two_people_at_once(opened: Open, store: Store) -> None:
    ana, ben = opened("ana", expected="ERR_FAILED"), opened("ben")
    expect(_heading(ben)).to_have_text("Bi2Se3")
    ana.route("**/api/changes*", lambda route: route.abort())
    ana_expects = ana.locator("#toast-text")
    ben.keyboard.press("r")
    _until(lambda: _status(store, 0) == "rejected")
    ana.keyboard.press("a")
    expect(ana_expects).to_contain_text("ben rejected")
    expect(ana_expects).to_contain_text("was left as it is")
    expect(_heading(ana)).to_have_text("Bi2Se3")
    expect(ana.locator("#standing .badge")).to_have_text("rejected")
    assert _status(store, 0) == "rejected"
    ana.locator("#toast-buttons button").click()
    _until(lambda: _status(store, 0) == "accepted")
    ben.keyboard.press("5")
    expect(ben.locator(f'.row[data-id="{IDS[0]}"]')).to_have_class(re.compile("accepted"))
    assert [r.reviewer for r in Reviews(store).history(IDS[0])] == ["ben", "ana"]


def test_what_others_do_appears_without_a_reload(opened: Open, store: Store) -> None:
    page = opened()
    Reviews(store).add(IDS[:1], Edit(status="held", note="wait for the phonons"), "ben")
    expect(page.locator("#toast-text")).to_contain_text("ben put on hold this just now")
    expect(page.locator("#standing .badge")).to_have_text("on hold")
    expect(page.locator(".history .words")).to_have_text("wait for the phonons")
    expect(_heading(page)).to_have_text("Bi2Se3")


def test_two_tabs_of_one_person_lose_nothing(opened: Open, store: Store) -> None:
    one, two = opened("ana", expected="ERR_FAILED"), opened("ana", expected="ERR_FAILED")
    for page in (one, two):
        page.route("**/api/changes*", lambda route: route.abort())
    for page, text in ((one, "from one"), (two, "from two")):
        page.keyboard.press("n")
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        expect(page.locator("#toast-text")).to_contain_text("Noted")
    _until(lambda: len(Reviews(store).history(IDS[0])) == 2)
    one.keyboard.press("a")
    _until(lambda: _status(store, 0) == "accepted")
    two.keyboard.press("r")
    expect(two.locator("#toast-text")).to_contain_text("left as it is")
    assert {note.text for note in Reviews(store).states()[IDS[0]].notes} == {"from one", "from two"}
    assert _status(store, 0) == "accepted"


def test_quick_hands_are_not_mistaken_for_somebody_else(opened: Open, store: Store) -> None:
    page = opened()
    page.keyboard.press("5")
    for key in "arhoahr":  # each goes on to the next, so come back
        page.keyboard.press(key)
        page.keyboard.press("k")
    _until(lambda: len(Reviews(store).history(IDS[0])) == 7)
    assert _status(store, 0) == "rejected"
    expect(page.locator("#toast")).not_to_have_class(re.compile("wrong"))


def test_bulk_and_undo(opened: Open, store: Store) -> None:
    page = opened()
    for key in ("x", "j", "j", "X"):
        page.keyboard.press(key)
    expect(page.locator("#bulk-count")).to_have_text("3")
    page.keyboard.press("r")
    expect(page.locator("#toast-text")).to_have_text("Rejected 3 candidates")
    expect(page.locator("#bulk")).to_be_hidden()
    _until(lambda: [_status(store, n) for n in range(4)] == ["rejected"] * 3 + ["open"])
    page.locator("#toast-buttons button").click()
    expect(page.locator("#toast-text")).to_have_text("Taken back for 3 candidates.")
    _until(lambda: Reviews(store).states()[IDS[0]].status == "open")
    page.locator("#select-all").check()
    expect(page.locator("#bulk-count")).to_have_text("10")
    page.locator("#bulk [data-do=held]").click()
    expect(page.locator("#empty")).to_contain_text("All judged")
    _until(lambda: all(_status(store, n) == "held" for n in range(10)))
    page.keyboard.press("u")
    expect(page.locator(".row")).to_have_count(10)


def test_one_of_a_bulk_is_taken_back_from_the_history(opened: Open, store: Store) -> None:
    Reviews(store).add(IDS[:3], Edit(status="accepted"), "ben")
    page = opened()
    page.keyboard.press("2")
    expect(_heading(page)).to_have_text("Bi2Se3")
    page.locator(".history li").hover()
    page.locator(".take-back").click()
    expect(page.locator(".history .did-undo")).to_contain_text("took back ben’s accept")
    expect(page.locator("#standing .badge")).to_have_text("open")
    assert [_status(store, n) for n in range(3)] == ["open", "accepted", "accepted"]


def test_comparing(opened: Open, store: Store) -> None:
    page = opened()
    page.keyboard.press("c")
    expect(page.locator("#toast-text")).to_contain_text("Select two to four")
    for key in ("x", "j", "x", "j", "x", "j", "x", "c"):
        page.keyboard.press(key)
    expect(page.locator(".compare-table thead th")).to_have_count(4)
    expect(page.locator(".compare-table thead th.here .formula")).to_have_text("Bi2Se3")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("a")
    expect(page.locator(f'[data-badge="{IDS[1]}"]')).to_have_text("accepted")
    page.locator(f'[data-judge="rejected"][data-id="{IDS[3]}"]').click()
    expect(page.locator(f'[data-badge="{IDS[3]}"]')).to_have_text("rejected")
    page.keyboard.press("u")
    expect(page.locator(f'[data-badge="{IDS[3]}"]')).to_have_text("open")
    page.keyboard.press("Escape")
    expect(page.locator("#comparing")).to_be_hidden()
    assert [_status(store, n) for n in range(4)] == ["open", "accepted", "open", "open"]


def test_paper_holds_the_whole_candidate_and_no_controls(opened: Open, store: Store) -> None:
    Reviews(store).add(IDS[:1], Edit(status="accepted", note="Worth a run."), "ben")
    page = opened(ending=f"#{RUN_ID}", color_scheme="dark")
    page.keyboard.press("2")
    expect(_heading(page)).to_have_text("Bi2Se3")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator(".queue")).to_be_hidden()
    for control in (".topbar", ".actions", ".toast", ".tools >> nth=0", ".way"):
        expect(page.locator(control)).to_be_hidden()
    for part in (".candidate h1", "#structure", ".history .words", "#bibtex"):
        expect(page.locator(part)).to_be_visible()
    # A scrolling box would be cut at the end of the first sheet.
    cut = page.evaluate(
        """() => ["html", "body", "main", ".detail"].map((name) => document.querySelector(name)).filter(
          (box) => box.scrollHeight > box.clientHeight + 2 && getComputedStyle(box).overflowY !== "visible"
        ).map((box) => box.tagName + "." + box.className)"""
    )
    assert cut == []
    colours = "(name) => getComputedStyle(document.querySelector(name))"
    assert page.evaluate(f"({colours})('body').backgroundColor") == "rgb(255, 255, 255)"
    red, green, blue = page.evaluate(f"({colours})('.candidate h1').color.match(/[0-9]+/g).slice(0, 3)")
    assert max(int(red), int(green), int(blue)) < 90  # ink, not the light letters of a dark screen
    sheets = len(
        re.findall(rb"/Type\s*/Page[^s]", page.pdf(prefer_css_page_size=True, print_background=True))
    )
    assert 2 <= sheets <= 12


def test_the_server_goes_away_and_comes_back(chromium: Any, store: Store) -> None:
    with _served(store, Access()) as url:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(url)
        page.wait_for_selector("body[data-ready]")
    page.keyboard.press("a")
    expect(page.locator("#banner")).to_contain_text("One judgement waits here", timeout=15_000)
    page.keyboard.press("r")
    expect(page.locator("#banner")).to_contain_text("2 judgements wait here", timeout=15_000)
    assert Reviews(store).states() == {}
    with _served(store, Access(), int(url.rpartition(":")[2])):  # with another token for writes
        _until(lambda: [_status(store, n) for n in range(2)] == ["accepted", "rejected"])
        expect(page.locator("#banner")).to_be_hidden()
    context.close()


def test_the_token_opens_the_door_once_and_for_all(chromium: Any, store: Store) -> None:
    with _served(store, Access(token="s3cret", cookie="door")) as url:
        context = chromium.new_context()
        page = context.new_page()
        assert page.goto(url).status == 401
        page.goto(f"{url}/?token=s3cret")
        page.wait_for_selector("body[data-ready]")
        assert "s3cret" not in page.url
        page.keyboard.press("a")
        _until(lambda: _status(store, 0) == "accepted")
        assert page.evaluate("document.cookie") == ""
        context.close()


def test_who_has_no_name_is_asked(chromium: Any, store: Store) -> None:
    import uvicorn

    listening = open_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(store, Access()), log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{listening.getsockname()[1]}/")
    page.wait_for_selector("body[data-ready]")
    page.keyboard.press("a")
    expect(page.locator("#ask-title")).to_have_text("Your name")
    page.keyboard.type("Dr. Émilie <du> Châtelet")
    page.keyboard.press("Enter")
    _until(lambda: _status(store, 0) == "accepted")
    assert Reviews(store).history(IDS[0])[0].reviewer == "Dr. Émilie <du> Châtelet"
    expect(page.locator("#name-text")).to_have_text("Dr. Émilie <du> Châtelet")
    context.close()
    server.should_exit = True
    thread.join(10)
    listening.close()


def test_hostile_words_run_nothing(opened: Open, store: Store) -> None:
    bad = "<img src=x onerror=\"document.title='gone'\"><script>document.title='gone'</script>"
    odd = make_candidate(
        1, run_id="odd", crystal_id=bad, formula=bad, notes=[bad], hazards=[bad], database=bad
    )
    store.add_run(make_run("odd", created="2026-01-01T00:00:00Z", database=bad), [odd])
    Reviews(store).add(
        [odd.id], Edit(note=bad, tags=["<img src=x>"], assignee="<b>me</b>"), "<svg onload=alert(1)>"
    )
    page = opened()
    expect(page.locator(".history .words")).to_have_text(bad)
    page.keyboard.press("x")
    page.keyboard.press("t")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.wait_for_timeout(300)
    assert page.title() != "gone"
    assert page.locator("img, .row script, #body script:not([type='application/json'])").count() == 0


def test_facts_never_stand_under_another_name(opened: Open) -> None:
    page = opened()
    expect(page.locator("#structure")).to_be_visible()
    page.wait_for_timeout(600)  # the next page was fetched ahead
    page.route("**/candidate/*", lambda route: None)
    page.keyboard.press("j")
    expect(_heading(page)).to_have_text("SnTe")
    page.keyboard.press("j")
    expect(_heading(page)).to_have_text("HgTe")
    expect(page.locator("#structure")).to_have_count(0)


def test_the_structure_is_drawn(opened: Open) -> None:
    page = opened()
    expect(page.locator("#structure")).to_be_visible()
    colours = """() => {
        const { width, height } = document.getElementById("structure");
        const brush = document.getElementById("structure").getContext("2d");
        return new Set(new Uint32Array(brush.getImageData(0, 0, width, height).data.buffer)).size;
    }"""
    _until(lambda: page.evaluate(colours) > 50)
    page.keyboard.press("j")
    expect(page.locator(f'.candidate[data-id="{IDS[1]}"] #structure')).to_be_visible()
    _until(lambda: page.evaluate(colours) > 50)


def test_what_first_principles_found_is_shown(opened: Open, store: Store) -> None:
    from candidates.verifications import add_verification
    from tests.candidates.report.sample_verification import make_verification

    verified = make_verification(candidate_id=IDS[0])
    assert verified.verdict is not None
    add_verification(store, verified)
    page = opened()
    expect(page.locator(".verdict-box .word-of")).to_contain_text(verified.verdict.topology)
    assert page.locator(".band-pair svg.bands").count() == len(verified.bands)
    expect(page.locator("#zone")).to_be_visible()
    expect(page.locator(".wilson-box svg")).to_be_visible()
    assert page.locator(".surface-box svg").count() > 0
    with page.expect_download() as download:
        page.locator('.tools[data-figure="bands-0"] [data-kind="csv"]').click()
    assert download.value.path().stat().st_size > 100
    page.keyboard.press("j")
    expect(_heading(page)).to_have_text("SnTe")
    expect(page.locator(".verdict-box")).to_have_count(0)


def test_runs_and_exports(opened: Open, store: Store) -> None:
    store.add_run(
        make_run("older", created="2024-01-01T00:00:00Z"), [make_candidate(1, "older", formula="Sb")]
    )
    Reviews(store).add([IDS[0], make_candidate(1, "older").id], Edit(status="accepted"), "ben")
    page = opened()
    expect(page.locator("#progress-text")).to_have_text("1 of 10 judged")
    page.locator("#run").select_option("older")
    expect(page.locator("#progress-text")).to_have_text("1 of 1 judged")
    expect(page.locator("#empty")).to_contain_text("All judged")
    page.locator("#run").select_option("")
    expect(page.locator("#progress-text")).to_have_text("2 of 11 judged")
    page.locator("#export summary").click()
    with page.expect_download() as download:
        page.locator("#export-csv").click()
    assert download.value.suggested_filename == "decisions.csv"
    text = download.value.path().read_text(encoding="utf-8")
    assert {line.split(",")[5] for line in text.splitlines()} == {"formula", "Bi2Se3", "Sb"}
    page.locator("#export summary").click()
    page.keyboard.press("Escape")
    expect(page.locator("#export-csv")).to_be_hidden()


def test_on_a_phone(opened: Open, store: Store) -> None:
    page = opened(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    expect(page.locator("#detail")).to_be_hidden()
    page.locator(".row .open").nth(1).tap()
    expect(_heading(page)).to_have_text("SnTe")
    expect(page.locator("#list")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = page.locator("#actions [data-do=accepted]").bounding_box()
    assert box["height"] >= 44
    assert box["y"] + box["height"] <= 740
    page.locator("#actions [data-do=accepted]").tap()
    expect(_heading(page)).to_have_text("HgTe")
    page.go_back()
    expect(page.locator("#list")).to_be_visible()
    _until(lambda: _status(store, 1) == "accepted")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(opened: Open, store: Store, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    reviews = Reviews(store)
    reviews.add(IDS[:1], Edit(status="accepted", note="flat bands", tags=["soon"], assignee="ben"), "ana")
    reviews.add(IDS[1:2], Edit(status="rejected"), "ben")
    reviews.add(IDS[2:3], Edit(status="held"), "ben")
    reviews.undo("ben")
    page = opened(color_scheme=scheme)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper)[:3])) < 200) is (scheme == "dark")

    def serious() -> list[str]:
        found = axe.run(page).response["violations"]
        return [
            f"{v['id']}: {v['nodes'][0]['html'][:150]}"
            for v in found
            if v["impact"] in {"serious", "critical"}
        ]

    page.keyboard.press("5")
    expect(page.locator(".history li")).not_to_have_count(0)
    assert serious() == []
    page.locator("#filters summary").click()
    for key in ("x", "j", "x"):
        page.keyboard.press(key)
    assert serious() == []
    page.keyboard.press("c")
    expect(page.locator(".compare-table")).to_be_visible()
    assert serious() == []
    page.keyboard.press("Escape")
    for key, dialog in (("n", "#ask"), ("t", "#ask"), ("?", "#keys")):
        page.keyboard.press(key)
        expect(page.locator(dialog)).to_be_visible()
        assert serious() == []
        page.keyboard.press("Escape")
    small = opened(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    expect(small.locator(".row")).not_to_have_count(0)
    found = axe.run(small).response["violations"]
    assert [v["id"] for v in found if v["impact"] in {"serious", "critical"}] == []


def test_ten_thousand_are_as_quick_as_ten(chromium: Any, tmp_path: object) -> None:
    store = Store(f"sqlite:///{tmp_path}/many.sqlite")
    store.add_run(make_run(), [make_candidate(n, formula=FORMULAS[n % 10]) for n in range(1, 10_001)])
    with _served(store, Access()) as url:
        context = chromium.new_context(viewport={"width": 1360, "height": 860})
        page = context.new_page()
        page.goto(f"{url}/#run={RUN_ID}")
        page.wait_for_selector("body[data-ready]", timeout=60_000)
        assert page.locator(".row").count() < 60, "only rows in view are in the document"
        timed = """(key) => new Promise((done) => {
            const start = performance.now();
            const pressed = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
            document.body.dispatchEvent(pressed);
            requestAnimationFrame(() => setTimeout(() => done(performance.now() - start), 0));
        })"""
        times = sorted(page.evaluate(timed, key) for key in "jjjjjajrjhj")
        assert times[len(times) // 2] < 500, times
        page.locator("#search").fill("bi2se3")
        expect(page.locator("#shown")).to_have_text(re.compile(r"^(1,000|999|998) candidates"))
        page.evaluate("document.getElementById('scroller').scrollTop = 40000")
        expect(page.locator('.row[aria-posinset="630"]')).to_be_visible()
        context.close()

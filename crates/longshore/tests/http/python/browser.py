"""The dashboard in a real browser, as people use it.

Arguments: the server's address, Chromium, a folder that jobs and this script share, a folder for screenshots.
Every page is looked at by axe-core in light and dark, wide and narrow; nothing may be said on the console, and
nothing may be fetched from another place than the server.
"""

import json
import pathlib
import re
import sys
import urllib.request

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

BASE, CHROMIUM, FOLDER, SHOTS = sys.argv[1:5]
FOLDER, SHOTS = pathlib.Path(FOLDER), pathlib.Path(SHOTS)
# Far more than anything here takes.
PATIENCE = 60_000
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=PATIENCE)
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def submit(script, **fields):
    """Hands a job in by the API; its id."""
    body = {"command": ["sh", "-c", script], "working_directory": str(FOLDER), **fields}
    request = urllib.request.Request(
        f"{BASE}/api/v1/jobs",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["job"]


class Watched:
    """A browser's window, of which everything is noted that must not be."""

    def __init__(self, browser, size=WIDE, scheme="light", scripts=True):
        self.context = browser.new_context(
            viewport=size, color_scheme=scheme, java_script_enabled=scripts
        )
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.faults = []
        self.page.on("console", self.note_console)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self.note_request)

    def note_console(self, message):
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def note_request(self, request):
        if not request.url.startswith(BASE + "/"):
            self.faults.append(f"asked elsewhere: {request.url}")

    def go(self, path):
        self.page.goto(BASE + path, wait_until="load")
        return self.page

    def close(self):
        assert not self.faults, self.faults
        self.context.close()


def check(window, name):
    """What holds of every page, whatever its size and colours."""
    page = window.page
    found = Axe().run(page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wider <= 0, f"{name} is {wider} px wider than the window"
    page.screenshot(path=SHOTS / f"{name}.png")


def state(page, word):
    expect(page.locator("h1 .state")).to_have_text(word)


def output_arrives_as_it_is_written(browser):
    job = submit(
        r"printf '\033[32mfirst\033[0m\n'; until test -e go; do sleep 0.05; done; echo second; echo oops >&2",
        name="two lines",
    )
    window = Watched(browser)
    page = window.go(f"/jobs/{job}")
    log = page.locator("#log")
    expect(log).to_contain_text("first")
    expect(log.locator(".fg2")).to_have_text("first")
    state(page, "running")
    (FOLDER / "go").touch()
    expect(log).to_contain_text("second")
    expect(log.locator(".err")).to_contain_text("oops")
    # Nobody loaded the page again.
    state(page, "completed")
    expect(page.locator("#attempt-1 h3")).to_have_text("Attempt 1: exited, exit code 0")
    assert log.inner_text().count("first") == 1 and log.inner_text().count("second") == 1
    page.get_by_label("Find in the output").fill("S")
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.locator("#found")).to_have_text("3 lines have it.")
    expect(page.locator(".hits .err")).to_have_text("oops")
    check(window, "found")
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("#found")).to_have_count(0)
    window.close()
    return job


def streams():
    """How many event streams the server has open."""
    with urllib.request.urlopen(f"{BASE}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("longshore_http_event_streams ")))


def until_streams_are(number, page):
    for _ in range(PATIENCE // 100):
        if streams() == number:
            return
        page.wait_for_timeout(100)
    assert streams() == number


def a_page_that_nobody_sees_listens_to_nothing(browser):
    job = submit("echo one; until test -e seen; do sleep 0.05; done; echo two", name="unseen")
    window = Watched(browser)
    page = window.go(f"/jobs/{job}")
    log = page.locator("#log")
    expect(log).to_contain_text("one")
    until_streams_are(2, page)
    show = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); " \
        "document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(show, True)
    until_streams_are(0, page)
    (FOLDER / "seen").touch()
    page.evaluate(show, False)
    expect(log).to_contain_text("two")
    state(page, "completed")
    assert log.inner_text().split() == ["one", "two"], log.inner_text()
    window.close()


def a_job_is_cancelled_after_a_second_question(browser):
    job = submit("sleep 600", name="for ever")
    window = Watched(browser)
    page = window.go(f"/jobs/{job}")
    state(page, "running")
    page.get_by_role("link", name="Cancel…").click()
    expect(page.locator("h1")).to_have_text(f"Cancel job {job}?")
    check(window, "confirm")
    page.get_by_role("link", name="Let it be").click()
    state(page, "running")
    page.get_by_role("link", name="Cancel…").click()
    page.get_by_role("button", name="Cancel the job").press("Enter")
    state(page, "cancelled")
    window.close()


def a_failed_job_is_tried_again(browser):
    job = submit("echo trying; exit 3", name="broken")
    window = Watched(browser)
    page = window.go(f"/jobs/{job}")
    state(page, "failed")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#attempt-2 h3")).to_have_text("Attempt 2: exited, exit code 3")
    window.close()
    return job


def a_job_is_held_and_released(browser):
    job = submit("true", name="later", scheduled_for="2099-01-01T00:00:00Z")
    window = Watched(browser)
    page = window.go(f"/jobs/{job}")
    state(page, "queued")
    page.get_by_role("button", name="Hold").click()
    state(page, "pending")
    page.get_by_role("button", name="Release").click()
    state(page, "queued")
    window.close()


def a_list_is_filtered_and_its_address_kept(browser, failed):
    window = Watched(browser)
    page = window.go("/jobs")
    rows = page.locator("table.jobs tbody tr")
    everything = rows.count()
    page.get_by_role("checkbox", name="failed").check()
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("state=failed"))
    expect(rows).to_have_count(1)
    expect(page.locator(f"#job-{failed}")).to_be_visible()
    expect(page.get_by_role("checkbox", name="failed")).to_be_checked()
    page.get_by_role("searchbox").fill("nowhere")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No job fits")).to_be_visible()
    page.get_by_role("link", name="All jobs").click()
    expect(rows).to_have_count(everything)
    # Another job comes by itself, and what is typed meanwhile stays.
    page.get_by_role("searchbox").fill("half a wo")
    submit("true", name="newcomer")
    expect(rows.first).to_contain_text("newcomer")
    expect(page.get_by_role("searchbox")).to_have_value("half a wo")
    window.close()


def a_job_is_submitted_by_the_form(browser):
    window = Watched(browser)
    page = window.go("/jobs")
    page.get_by_role("link", name="Submit a job").click()
    page.get_by_label("Command", exact=True).fill("sh -c 'echo typed in a form")
    page.get_by_label("Name", exact=True).fill("typed")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("has a quote that is not closed")
    # The browser itself says that an answer was no good.
    window.faults.clear()
    check(window, "submit-wrong")
    expect(page.get_by_label("Command", exact=True)).to_be_focused()
    page.get_by_label("Command", exact=True).fill("sh -c 'echo typed in a form'")
    page.get_by_text("Labels, environment, everything else").click()
    page.get_by_label("Labels").fill("by=hand")
    page.get_by_role("button", name="Submit", exact=True).press("Enter")
    state(page, "completed")
    expect(page.locator("#log")).to_contain_text("typed in a form")
    expect(page.get_by_role("link", name="by=hand")).to_be_visible()
    page.get_by_role("button", name="Submit another like it").click()
    expect(page.locator("#log")).to_contain_text("typed in a form")
    page.get_by_role("link", name="by=hand").click()
    expect(page.locator("table.jobs tbody tr")).to_have_count(2)
    window.close()


def many_are_asked_at_once(browser):
    jobs = [submit("true", name="crowd", labels={"in": "crowd"}, hold=True) for _ in range(4)]
    window = Watched(browser)
    page = window.go("/jobs?label=in%3Dcrowd")
    rows = page.locator("table.jobs tbody tr")
    expect(rows).to_have_count(4)
    page.get_by_label(f"Choose job {jobs[0]}").check()
    page.get_by_label(f"Choose job {jobs[2]}").check()
    # What is chosen stays when the list changes by itself.
    submit("true", name="fifth", labels={"in": "crowd"}, hold=True)
    expect(rows).to_have_count(5)
    expect(page.get_by_label(f"Choose job {jobs[2]}")).to_be_checked()
    page.get_by_label("With the chosen ones").select_option("release")
    page.get_by_role("button", name="Go on…").click()
    expect(page.locator("h1")).to_have_text("Release 2 jobs?")
    page.get_by_role("button", name="Release 2 jobs").click()
    expect(page.locator("h1")).to_have_text("2 jobs: queued")
    page.get_by_role("link", name="Back to the list").click()
    expect(rows.locator(".state.completed")).to_have_count(2)
    # Of all that fit, those that can be.
    page.get_by_label("With the chosen ones").select_option("cancel")
    page.get_by_role("button", name="Go on…").click()
    expect(page.locator("h1")).to_have_text("Cancel 3 jobs?")
    check(window, "bulk")
    page.get_by_role("link", name="Let them be").click()
    expect(rows.locator(".state.cancelled")).to_have_count(0)
    page.get_by_label("With the chosen ones").select_option("cancel")
    page.get_by_role("button", name="Go on…").click()
    page.get_by_role("button", name="Cancel 3 jobs").press("Enter")
    expect(page.locator("h1")).to_contain_text("3 jobs: cancelled")
    page.get_by_role("link", name="Back to the list").click()
    expect(rows.locator(".state.cancelled")).to_have_count(3)
    window.close()


def a_queue_is_paused_and_gets_a_limit(browser):
    window = Watched(browser)
    page = window.go("/queues")
    # What was opened stays open when the page brings itself up to date.
    page.get_by_text("Make a queue").click()
    page.get_by_label("Name").fill("half-typed")
    page.evaluate("refreshed = new Promise(done => document.addEventListener('longshore:refreshed', done))")
    submit("true", name="something happens")
    page.evaluate("refreshed.then(() => true)")
    expect(page.locator("#queue-default")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("half-typed")
    expect(page.get_by_role("button", name="Make it")).to_be_visible()
    page.get_by_role("link", name="local", exact=True).click()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("h1 .state")).to_have_text("paused")
    waits = submit("true", name="behind a pause", queue="local")
    expect(page.locator(f"#job-{waits}")).to_be_visible()
    page.get_by_label("At most at once").fill("7")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("at most 7")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page = window.go(f"/jobs/{waits}")
    state(page, "completed")
    window.close()


def everything_is_reached_by_keys(browser):
    window = Watched(browser)
    page = window.go("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Jobs", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Jobs")
    window.close()


def pages_are_readable_without_scripts(browser, job):
    window = Watched(browser, scripts=False)
    page = window.go(f"/jobs/{job}")
    state(page, "completed")
    expect(page.locator("#log")).to_contain_text("second")
    page = window.go("/jobs")
    page.get_by_role("checkbox", name="failed").check()
    page.get_by_role("button", name="Show").click()
    expect(page.locator("table.jobs tbody tr")).to_have_count(1)
    held = submit("true", scheduled_for="2099-01-01T00:00:00Z")
    page = window.go(f"/jobs/{held}")
    page.get_by_role("link", name="Cancel…").click()
    page.get_by_role("button", name="Cancel the job").click()
    state(page, "cancelled")
    window.close()


def every_page_is_well_made(browser, job):
    pages = ["/", "/jobs", f"/jobs/{job}", "/submit", "/scheduled", "/queues", "/queues/local", "/workers?all=true", "/hosts", "/hosts/1", "/webhooks"]
    pages += ["/login", "/jobs/99999"]
    for scheme in ("light", "dark"):
        for size, width in ((WIDE, "wide"), (NARROW, "narrow")):
            window = Watched(browser, size, scheme)
            for path in pages:
                page = window.go(path)
                if path == "/jobs/99999":
                    # The browser itself says that a page is missing.
                    window.faults.clear()
                expect(page.locator("h1")).to_be_visible()
                name = path.strip("/").split("?")[0].replace(f"jobs/{job}", "job")
                check(window, f"{name.replace('/', '-') or 'overview'}-{scheme}-{width}")
            window.close()


def a_worker_is_drained_after_a_second_question(browser):
    """The last: nothing runs any more afterwards."""
    window = Watched(browser)
    page = window.go("/workers")
    page.get_by_role("link", name="Drain…").click()
    page.get_by_role("button", name="Drain it").press("Enter")
    expect(page.locator(".state.draining")).to_be_visible()
    window.close()


def what_is_wrong_is_found(browser):
    """The checks themselves can fail."""
    window = Watched(browser)
    page = window.go("/workers")
    page.evaluate("document.querySelector('main').innerHTML = '<img src=/assets/longshore.svg><input>'")
    assert Axe().run(page).violations_count >= 2
    page.evaluate("console.error('seen')")
    page.evaluate("document.body.setAttribute('style', 'width: 3000px')")
    page.wait_for_function("document.documentElement.scrollWidth >= 0")
    said = " ".join(window.faults)
    assert "seen" in said, said
    # The page's own policy refuses styles that are not the server's.
    assert "Content Security Policy" in said, said
    window.context.close()


with sync_playwright() as playwright:
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    what_is_wrong_is_found(chromium)
    done = output_arrives_as_it_is_written(chromium)
    a_page_that_nobody_sees_listens_to_nothing(chromium)
    a_job_is_cancelled_after_a_second_question(chromium)
    failed = a_failed_job_is_tried_again(chromium)
    a_job_is_held_and_released(chromium)
    a_list_is_filtered_and_its_address_kept(chromium, failed)
    a_job_is_submitted_by_the_form(chromium)
    many_are_asked_at_once(chromium)
    a_queue_is_paused_and_gets_a_limit(chromium)
    everything_is_reached_by_keys(chromium)
    pages_are_readable_without_scripts(chromium, done)
    every_page_is_well_made(chromium, done)
    a_worker_is_drained_after_a_second_question(chromium)
    chromium.close()
print(f"looked at {len(list(SHOTS.glob('*.png')))} pictures of pages")

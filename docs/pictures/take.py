"""Takes pictures of pages: address, a job that runs, the browser, the folder for them."""

import sys

from playwright.sync_api import sync_playwright

address, job, chromium, folder = sys.argv[1:]
PICTURES = [
    ("overview", "/", "light"),
    ("job", f"/jobs/{job}", "dark"),
    ("jobs", "/jobs", "light"),
]

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    )
    for name, path, scheme in PICTURES:
        page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme=scheme)
        page.goto(address + path)
        page.wait_for_selector("h1")
        page.wait_for_timeout(500)
        page.screenshot(path=f"{folder}/{name}.png")
    browser.close()

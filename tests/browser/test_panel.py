"""`ql.panel()` in a real browser: its pages, and an order by the ticket."""

from __future__ import annotations

from collections.abc import Callable

from lab import Lab
from playwright.sync_api import BrowserContext, Page

TABS = ["health", "orders and fills", "subscriptions", "client limits", "rails usage", "order ticket"]
READ = """(title) => {
    const tabs = document.querySelector('.jupyter-widget-tab');
    const current = tabs.querySelector('.lm-mod-current')?.innerText;
    return current === title && !tabs.innerText.includes('not read yet');
}"""
Picture = Callable[[Page, str], None]


def test_every_page_shows_and_the_ticket_sends_what_its_button_names(
    lab: Lab, context: BrowserContext, picture: Picture
) -> None:
    """As one types, the rails answer; a click sends that order, once, and it stands among the orders."""
    lab.write("panel.ipynb", ["%load_ext quantlab", "%ql arm", "ql.panel()"])
    notebook = lab.open(context, "panel.ipynb")
    for index in range(3):
        notebook.run(index)
    page = notebook.page
    page.wait_for_selector('.ql-health[data-mode="LIVE"]')
    for title in TABS[:-1]:
        page.get_by_role("tab", name=title).click()
        page.wait_for_function(READ, arg=title)
        picture(page, f"panel-{title.replace(' ', '-')}")
    assert "max_position" in page.locator(".jupyter-widget-tab").inner_text()

    page.get_by_role("tab", name=TABS[-1]).click()
    page.get_by_label("quantity", exact=False).first.fill("5")
    page.get_by_label("price (USDT)", exact=True).fill("59000")  # below the market: it rests
    page.wait_for_function("document.body.innerText.includes('DENIED by max_order_notional')")
    picture(page, "panel-ticket-denied")
    page.get_by_label("quantity", exact=False).first.fill("0.01")
    button = page.get_by_role("button", name="Send: ")
    button.wait_for()
    page.wait_for_function("document.body.innerText.includes(': allowed')")
    assert "0.01" in button.inner_text()
    button.dblclick()
    page.wait_for_function("document.body.innerText.includes('client id')")
    picture(page, "panel-ticket-sent")
    page.get_by_label("type", exact=True).select_option("stop loss, limit")
    page.get_by_label("stop_price (USDT)", exact=True).fill("58000")
    page.get_by_label("reduce-only", exact=False).check()
    page.get_by_role("button", name="STOP_LOSS_LIMIT").wait_for()
    page.wait_for_function("document.body.innerText.includes('DENIED by reduce_only')")
    picture(page, "panel-ticket-stop")
    page.get_by_role("tab", name="orders and fills").click()
    page.wait_for_function("document.body.innerText.includes('open orders: 1')")
    picture(page, "panel-orders")

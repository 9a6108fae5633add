import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Launched } from "../browser/browser.ts";
import { decision } from "./decisions.ts";
import { addPage, openPage, type Site } from "./site.ts";
import { setStage } from "./stage.ts";

let launched: Launched;
let site: Site;
setStage((stage) => {
  ({ launched, site } = stage);
});

describe("present", () => {
  const html = (content: string) => ({ type: "html", content });
  const show = (components: Parameters<typeof decision>[1]) =>
    site.answers.set("surface-decisions", (sent) => decision(sent, components));
  const presented = (page: Page) => page.evaluate<number>("allegro.decide('web').then(() => allegro.present().length)");
  /** The text of what a selector finds, with that of shadow roots in brackets. */
  const shown = (page: Page, selector = "main") =>
    page.evaluate(`(function flat(node) {
      if (node.nodeType === 3) return node.data;
      if (node.shadowRoot) return "[" + node.shadowRoot.textContent + "]";
      return [...node.childNodes].map(flat).join("");
    })(document.querySelector(${JSON.stringify(selector)}))`);
  const body = '<main><h1>Title</h1><p class="line">one</p><p class="line">two</p></main>';

  test("places each element where it says, in shadow roots of their own", async () => {
    const { page, faults } = await openPage(launched);
    show({
      gate: {
        selector: "h1",
        content: { before: [html("<b>1</b>"), html("<b>2</b>")], after: [html("<b>5</b>"), html("<b>6</b>")] },
      },
      inner: { selector: "h1", content: { prepend: [{ type: "text", content: "<3>" }], append: [html("<b>4</b>")] } },
      lines: { selector: ".line", content: { append: [html("<i>!</i>")] } },
    });
    await page.goto(addPage(site, { body }));
    expect(await presented(page)).toBe(7);
    expect(await shown(page)).toBe("[1][2]<3>Title[4][5][6]one[!]two[!]");
    expect(await page.evaluate("document.querySelector('h1 > [data-scrip=inner]').shadowRoot.innerHTML")).toBe(
      "<b>4</b>",
    );
    expect(faults).toEqual([]);
  });

  test("again takes away what it placed before, and only that", async () => {
    const { page } = await openPage(launched);
    show({ gate: { selector: "h1", content: { remove: true, before: [html("<b>first</b>")] } } });
    await page.goto(addPage(site, { body }));
    await presented(page);
    expect(await shown(page)).toBe("[first]onetwo");
    await page.evaluate("allegro.present()");
    expect(await shown(page)).toBe("[first]onetwo");
    show({});
    await presented(page);
    expect(await page.locator("main").innerHTML()).toBe('<h1>Title</h1><p class="line">one</p><p class="line">two</p>');
  });

  test("keeps two surfaces apart, and what stands below another root", async () => {
    const { page } = await openPage(launched);
    site.answers.set("surface-decisions", (sent) =>
      decision(sent, { line: { selector: ".line", content: { append: [html(`<i>${sent.body.surfaceSlug}</i>`)] } } }),
    );
    await page.goto(
      addPage(site, { body: '<div id="a"><p class="line"></p></div><div id="b"><p class="line"></p></div>' }),
    );
    await page.evaluate(`(async () => {
      const a = await allegro.decide('a');
      const b = await allegro.decide('b');
      allegro.present(document.querySelector('#a'), a);
      allegro.present(document.querySelector('#b'), a);
      allegro.present(document.querySelector('#b'));
      allegro.present(document.querySelector('#b'), a);
    })()`);
    expect(await shown(page, "#a")).toBe("[a]");
    expect(await shown(page, "#b")).toBe("[b][a]");
  });

  test("runs nothing of the HTML and styles it all the same, under a policy that allows nothing inline", async () => {
    const { page, faults, warnings } = await openPage(launched);
    const content = `<style>b { color: rgb(1, 2, 3) }</style><style media="print">b { color: red }</style>
<script>window.ran = 1</script><b style="font-weight: 300" onclick="window.ran = 2" data-offer='{"token":"t"}'>words</b>
<img src="x" onerror="window.ran = 3"><a href=" java\nscript:window.ran=4">link</a><iframe srcdoc="<script>top.ran = 5</script>"></iframe>
<svg><script>window.ran = 6</script><a xlink:href="javascript:window.ran=7"><text>svg</text></a></svg>`;
    show({ gate: { selector: "h1", content: { after: [html(content)] } } });
    await page.goto(addPage(site, { body }));
    await presented(page);
    const bold = page.locator("[data-scrip] b");
    const styles = "getComputedStyle(document.querySelector('[data-scrip]').shadowRoot.querySelector('b'))";
    expect(await page.evaluate(`[${styles}.color, ${styles}.fontWeight]`)).toEqual(["rgb(1, 2, 3)", "300"]);
    await bold.click();
    await page.getByText("link").click();
    expect(await page.evaluate("window.ran")).toBe(undefined);
    expect(await page.getByText("link").getAttribute("href")).toBe(null);
    // browsers tell of images and inline styles that the policy forbids; the styles are set by other means
    expect(faults.filter((text) => !/image|fram|inline style/i.test(text))).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test("runs nothing of the HTML on a page without a policy either", async () => {
    const { page } = await openPage(launched);
    const content =
      '<img src="/none" onerror="window.ran = 1"><script>window.ran = 2</script><iframe srcdoc="<script>parent.ran = 3</script>"></iframe>';
    show({ gate: { selector: "h1", content: { after: [html(content)] } } });
    await page.goto(addPage(site, { body, policy: "default-src * 'unsafe-inline'" }));
    await presented(page);
    await page.waitForLoadState("networkidle");
    expect(await page.evaluate("window.ran")).toBe(undefined);
  });

  test("works where the page demands Trusted Types and allows scrip's", async () => {
    const { page, faults } = await openPage(launched);
    show({ gate: { selector: "h1", content: { after: [html("<b>words</b>")] } } });
    const policy = `default-src 'none'; script-src 'self' ${site.serverUrl}; connect-src ${site.serverUrl}; require-trusted-types-for 'script'; trusted-types scrip`;
    await page.goto(addPage(site, { body, policy }));
    expect(await presented(page)).toBe(1);
    expect(await presented(page)).toBe(1);
    expect(await page.locator("[data-scrip] b").innerText()).toBe("words");
    expect(faults).toEqual([]);
  });

  test("of a component that cannot be placed tells once and places the others", async () => {
    const { page, faults, warnings } = await openPage(launched);
    show({
      wrong: { selector: "h1[", content: { after: [html("<b>x</b>")] } },
      nowhere: { selector: "#none", content: { after: [html("<b>x</b>")] } },
      unnamed: { selector: undefined, content: { after: [html("<b>x</b>")] } },
      odd: { selector: "h1", content: { after: [{ type: "element", schema: "1:2", props: {} }] } },
      own: { selector: "h1", content: { after: [{ type: "custom", what: "ever" }] } },
      right: { selector: "h1", content: { after: [html("<b>right</b>")] } },
    });
    await page.goto(addPage(site, { body }));
    expect(await presented(page)).toBe(1);
    expect(await presented(page)).toBe(1);
    expect(await shown(page)).toBe("Title[right]onetwo");
    expect(warnings).toHaveLength(4);
    expect(faults).toEqual([]);
  });

  test("makes an app experience the custom element that the page defines for it", async () => {
    const { page } = await openPage(launched);
    const props = { offer: { token: "t", presentation: { title: 'A "quoted" <b>' } } };
    show({ app: { selector: "h1", content: { after: [{ type: "element", schema: "acme:paywall@2", props }] } } });
    const after = `customElements.define("acme-paywall", class extends HTMLElement {
      connectedCallback() { this.textContent = JSON.parse(this.getAttribute("props")).offer.presentation.title + this.getAttribute("version"); }
    });`;
    await page.goto(addPage(site, { body, after }));
    await presented(page);
    expect(await page.locator("acme-paywall").innerText()).toBe('A "quoted" <b>2');
  });
});

import type { ComponentContent, SurfaceDecision, WebElement } from "./client.d.ts";
import { htmlHost } from "./html-host.ts";
import { warn } from "./page.ts";

/** What stands on the page because of a decision, and how it goes again. */
type Placed = { surface: string; node: ChildNode; undo(): void };

/** Places decisions. */
export type Placement = { present(root: ParentNode & Node, decision: SurfaceDecision, surface: string): Element[] };

const positions = ["before", "prepend", "append", "after"] as const;

/** Makes the placement of a page. What a surface placed below a root goes when it is presented there again. */
export function createPlacement(): Placement {
  let placed: Placed[] = [];
  return {
    present(root, decision, surface) {
      const old = placed.filter((one) => one.surface === surface && root.contains(one.node));
      // what the page itself has thrown away is not kept for its sake
      placed = placed.filter((one) => !old.includes(one) && one.node.isConnected);
      for (const { undo } of old.reverse()) undo();
      const elements: Element[] = [];
      for (const [slug, { content, metadata }] of Object.entries(decision.componentBehaviors)) {
        try {
          const targets = root.querySelectorAll(String(metadata.cssSelector));
          if (targets.length === 0) warn(`component ${slug} has no place: ${metadata.cssSelector}`);
          for (const target of targets) {
            for (const one of place(target, content, slug)) {
              placed.push({ ...one, surface });
              if (one.node instanceof Element) elements.push(one.node);
            }
          }
        } catch (fault) {
          warn(`component ${slug} cannot be placed`, fault);
        }
      }
      return elements;
    },
  };
}

function place(target: Element, content: ComponentContent, slug: string): Omit<Placed, "surface">[] {
  const placed: Omit<Placed, "surface">[] = [];
  for (const position of positions) {
    const nodes = (content[position] ?? []).flatMap((element) => nodeOf(element, slug) ?? []);
    target[position](...nodes);
    placed.push(...nodes.map((node) => ({ node, undo: () => node.remove() })));
  }
  if (content.remove) {
    const mark = document.createComment("scrip");
    target.replaceWith(mark);
    placed.push({ node: mark, undo: () => mark.replaceWith(target) });
  }
  return placed;
}

/** What stands for an element of a decision; null for what only the page itself knows how to show. */
function nodeOf(element: WebElement, slug: string): ChildNode | null {
  if (element.type === "text") return document.createTextNode(element.content);
  if (element.type === "custom") return null;
  const host = element.type === "element" ? appElement(element.schema, element.props) : htmlHost(element.content);
  host.setAttribute("data-scrip", slug);
  return host;
}

/** An app experience `source:id@version` is the custom element `source-id`, as MonetizationOS's own proxy writes it. */
function appElement(schema: string, props: object): Element {
  const [, source = "", id = "", version = ""] = /^([^:]*):([^@]*)@?(.*)$/.exec(schema) ?? [];
  const host = document.createElement(`${source}-${id}`);
  host.setAttribute("version", version);
  host.setAttribute("props", JSON.stringify(props));
  return host;
}

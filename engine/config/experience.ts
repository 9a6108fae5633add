import Mustache from "mustache";
import type { Experience } from "../../schemas/config.ts";
import type { WebElement } from "../../schemas/decision.ts";
import type { JsonObject } from "../../schemas/json.ts";

/** What a template may use. */
export type ExperienceView = {
  offer: JsonObject | null;
  offers: JsonObject[];
  identity: JsonObject;
  resource: JsonObject;
};

/** Renders an experience for one visitor. Pure. */
export type Render = (view: ExperienceView) => WebElement;

/** Parses an experience's templates, once. An app experience carries its offers in `props`, an HTML one as `data-offer`. */
export function compileRenderer(experience: Experience): Render {
  if (experience.type === "app") {
    const { schema, props } = experience;
    return ({ offer, offers }) => ({
      type: "element",
      schema,
      props: offer === null ? props : { ...props, offer, offers },
    });
  }
  const css = compileTemplate(experience.css === "" ? "" : `<style>${experience.css}</style>`);
  const html = compileTemplate(experience.html);
  const script = experience.js === "" ? "" : `<script>${experience.js}</script>`;
  const open = `<div data-experience="${experience.slug}"`;
  return (view) => {
    const data = view.offer === null ? "" : ` data-offer='${inSingleQuotes(JSON.stringify(view.offer))}'`;
    return { type: "html", content: `${open}${data}>${css(view)}${html(view)}${script}</div>` };
  };
}

function compileTemplate(template: string): (view: ExperienceView) => string {
  if (!template.includes("{{")) return () => template;
  Mustache.parse(template);
  return (view) => Mustache.render(template, view);
}

const entities: Record<string, string> = { "&": "&amp;", "'": "&#39;", "<": "&lt;", ">": "&gt;" };

/** For an attribute in single quotes: JSON is full of double ones, which then need no escape. */
function inSingleQuotes(text: string): string {
  return text.replace(/[&'<>]/g, (character) => entities[character] ?? character);
}

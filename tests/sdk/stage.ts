import { afterAll, beforeAll, beforeEach } from "vitest";
import { type Launched, launchBrowser } from "../browser/browser.ts";
import { type Site, startSite } from "./site.ts";

/** A browser, if there can be one, and a site for its pages. */
export type Stage = { launched: Launched; site: Site };

/** Sets the stage for the tests of a file, and clears the site before each; `prepare` makes it ready for its tests. */
export function setStage(give: (stage: Stage) => void, prepare: (site: Site) => void = () => undefined): void {
  let stage: Stage | undefined;
  beforeAll(async () => {
    const [launched, site] = await Promise.all([launchBrowser(), startSite()]);
    stage = { launched, site };
    give(stage);
  });
  afterAll(async () => {
    if (stage?.launched.ok) await stage.launched.browser.close();
    await stage?.site.stop();
  });
  beforeEach((context) => {
    if (stage === undefined) throw new Error("the stage was not set");
    const { launched, site } = stage;
    if (!launched.ok) context.skip(launched.reason);
    site.sent.length = 0;
    site.answers.clear();
    prepare(site);
  });
}

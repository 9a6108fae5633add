import { raw } from "hono/html";

const width = 640;
const height = 296;

/** The note of the story, drawn: guilloche rings as on banknotes, in the colours of the page. */
export const scripNote =
  raw(`<svg class="note" viewBox="0 0 ${width} ${height}" role="img" aria-label="A paper note: Hollin Isle Bakery, good for one loaf, on any morning. Number 290, 1931.">
<defs>
<path id="note-petal" d="${ring({ radius: 58, depth: 26, lobes: 6 })}"/>
<path id="note-lace" d="${ring({ radius: 31, depth: 9, lobes: 12 })}"/>
<path id="note-wave" d="${wave()}"/>
</defs>
<rect class="note-paper" x="1" y="1" width="${width - 2}" height="${height - 2}" rx="6"/>
<g class="note-line">
${turned("note-petal", 14, 60 / 14, [112, 148])}
${turned("note-lace", 8, 30 / 8, [112, 148])}
${turned("note-petal", 14, 60 / 14, [528, 148])}
${turned("note-lace", 8, 30 / 8, [528, 148])}
${shifted(30)}${shifted(266)}
<rect x="14" y="14" width="${width - 28}" height="${height - 28}" rx="2"/>
</g>
<g class="note-type" text-anchor="middle">
<circle class="note-paper" cx="112" cy="148" r="20"/><circle class="note-paper" cx="528" cy="148" r="20"/>
<text x="112" y="157" font-size="26">1</text><text x="528" y="157" font-size="26">1</text>
<text x="320" y="80" font-size="15" textLength="220">HOLLIN ISLE BAKERY</text>
<text x="320" y="120" font-size="16" font-style="italic">Good for</text>
<text x="320" y="171" font-size="44" textLength="208" lengthAdjust="spacingAndGlyphs">ONE LOAF</text>
<text x="320" y="204" font-size="16" font-style="italic">on any morning</text>
<text x="320" y="236" font-size="14">1931 · N<tspan dy="-4" font-size="9">o</tspan><tspan dy="4"> 290</tspan></text>
</g>
</svg>`);

/** One of the note's rosettes by itself, as an ornament that says nothing. */
export const rosette = raw(`<svg class="rosette" viewBox="-90 -90 180 180" aria-hidden="true">
<defs><path id="rosette-petal" d="${ring({ radius: 58, depth: 26, lobes: 6 })}"/></defs>
${turned("rosette-petal", 14, 60 / 14, [0, 0])}
</svg>`);

/** A closed wavy circle around the origin: r = radius + depth · cos(lobes · θ). */
function ring({ radius, depth, lobes }: { radius: number; depth: number; lobes: number }): string {
  const steps = lobes * 24;
  const points = Array.from({ length: steps }, (_, i) => {
    const angle = (i / steps) * 2 * Math.PI;
    const r = radius + depth * Math.cos(lobes * angle);
    return `${(r * Math.cos(angle)).toFixed(1)} ${(r * Math.sin(angle)).toFixed(1)}`;
  });
  return `M${points.join("L")}Z`;
}

/** One period longer than the note is wide, so that it can be shifted. */
function wave(): string {
  const points = Array.from({ length: 147 }, (_, i) => `${i * 4 + 28} ${(7 * Math.sin((i * Math.PI) / 9)).toFixed(1)}`);
  return `M${points.join("L")}`;
}

function turned(id: string, copies: number, degrees: number, [x, y]: readonly [number, number]): string {
  const uses = Array.from(
    { length: copies },
    (_, i) => `<use href="#${id}" transform="rotate(${(i * degrees).toFixed(2)})"/>`,
  );
  return `<g transform="translate(${x} ${y})">${uses.join("")}</g>`;
}

function shifted(y: number): string {
  const scales = [1, 0.6, 0.2, -0.2, -0.6, -1];
  return scales.map((scale) => `<use href="#note-wave" transform="translate(0 ${y}) scale(1 ${scale})"/>`).join("");
}

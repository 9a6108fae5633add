/** The style sheet of the hosted page; the whole of it, so that the page loads nothing. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --side: #f6f7f9; --field: #ffffff; --line: #dfe3e8; --line-strong: #c6ccd4;
  --text: #1a1d23; --soft: #5b6472; --accent: #0b5d4e; --accent-press: #084a3e; --on-accent: #ffffff;
  --bad: #b3261e; --bad-soft: #fdf0ef; --badge: #fff0d1; --on-badge: #7a4a00;
  --shadow: 0 1px 1px rgb(20 24 31 / .04), 0 1px 3px rgb(20 24 31 / .07);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --side: #1b1f24; --field: #1f242a; --line: #323942; --line-strong: #465059;
    --text: #f0f2f4; --soft: #a3adb9; --accent: #55d3b2; --accent-press: #78e0c5; --on-accent: #06251e;
    --bad: #ff9d94; --bad-soft: #3a2020; --badge: #453512; --on-badge: #ffd98a;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-font-smoothing: antialiased;
}
a { color: inherit; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.split { min-height: 100vh; min-height: 100dvh; display: grid; grid-template-columns: 1fr 1fr; }
.side { background: var(--side); border-right: 1px solid var(--line); display: flex; justify-content: flex-end; }
.side > div, .pay > * { width: 100%; max-width: 400px; }
.side > div { margin: 56px 72px 40px 32px; display: flex; flex-direction: column; }
.pay { padding: 56px 32px 40px 72px; }
.merchant { display: flex; align-items: center; gap: 10px; margin-bottom: 40px; min-height: 32px; font-weight: 600; }
.back { display: grid; place-items: center; width: 40px; height: 40px; margin: -4px -8px -4px -42px; border-radius: 50%; color: var(--soft); text-decoration: none; }
.back:hover { background: var(--line); color: var(--text); }
.back:focus-visible { outline-offset: -2px; }
.mark {
  display: grid; place-items: center; flex: none; width: 28px; height: 28px; border-radius: 8px;
  background: var(--accent); color: var(--on-accent); font-size: 14px; font-weight: 700;
}
.merchant span:nth-of-type(2) { overflow-wrap: anywhere; }
.badge {
  flex: none; padding: 2px 7px; border-radius: 5px; background: var(--badge); color: var(--on-badge);
  font-size: 11px; font-weight: 700; letter-spacing: .03em; text-transform: uppercase; white-space: nowrap;
}
.for { margin: 0; color: var(--soft); font-size: 16px; font-weight: 500; overflow-wrap: anywhere; }
.amount { display: flex; align-items: center; gap: 10px; margin: 2px 0 0; }
.amount strong { font-size: 38px; line-height: 1.2; font-weight: 650; letter-spacing: -.022em; font-variant-numeric: tabular-nums; }
.amount span { color: var(--soft); font-size: 14px; line-height: 1.25; max-width: 5.5em; }
.then { margin: 2px 0 0; color: var(--soft); }
.lines { list-style: none; margin: 36px 0 0; padding: 0; display: grid; gap: 18px; }
.lines li, .sums div { display: flex; justify-content: space-between; gap: 24px; }
.lines b { display: block; font-weight: 550; overflow-wrap: anywhere; }
.lines small { display: block; margin-top: 1px; color: var(--soft); font-size: 13px; }
.lines span, .sums dd { font-variant-numeric: tabular-nums; white-space: nowrap; }
.sums { margin: 22px 0 0; padding-top: 18px; border-top: 1px solid var(--line); display: grid; gap: 14px; }
.sums dt, .sums dd { margin: 0; }
.sums .quiet { color: var(--soft); }
.sums .total { font-weight: 600; }
.sums .quiet + .total { padding-top: 16px; border-top: 1px solid var(--line); }
.foot { margin-top: auto; padding-top: 48px; color: var(--soft); font-size: 12.5px; }
h2 { margin: 0 0 20px; min-height: 32px; font-size: 20px; line-height: 32px; font-weight: 600; letter-spacing: -.01em; }
.field { margin: 0 0 18px; padding: 0; border: 0; min-width: 0; }
.field > label, .field > legend { display: block; padding: 0; margin: 0 0 6px; font-size: 13.5px; font-weight: 550; }
input {
  width: 100%; height: 44px; padding: 0 13px; border: 1px solid var(--line-strong); border-radius: 8px;
  background: var(--field); color: var(--text); font: inherit; font-size: 16px; font-variant-numeric: tabular-nums;
  box-shadow: var(--shadow); appearance: none; transition: border-color .12s, box-shadow .12s;
}
input::placeholder { color: var(--soft); opacity: .72; }
input:hover { border-color: var(--soft); }
input:focus { position: relative; z-index: 2; outline: 2px solid var(--accent); outline-offset: 0; border-color: var(--accent); }
input[aria-invalid="true"] { border-color: var(--bad); color: var(--bad); position: relative; z-index: 1; }
input[aria-invalid="true"]:focus { z-index: 2; outline-color: var(--bad); border-color: var(--bad); }
.card { display: grid; grid-template-columns: 1fr 1fr; }
.card input:nth-of-type(1) { grid-column: 1 / -1; border-radius: 8px 8px 0 0; }
.card input:nth-of-type(2) { margin-top: -1px; border-radius: 0 0 0 8px; }
.card input:nth-of-type(3) { margin: -1px 0 0 -1px; width: calc(100% + 1px); border-radius: 0 0 8px 0; }
.methods > div { display: grid; grid-template-columns: 1fr 1fr; gap: 10px; }
.methods label {
  display: flex; align-items: flex-start; gap: 10px; padding: 11px 13px; border: 1px solid var(--line-strong); border-radius: 8px;
  background: var(--field); box-shadow: var(--shadow); cursor: pointer; transition: border-color .12s, box-shadow .12s;
}
.methods label:hover { border-color: var(--soft); }
.methods label:has(:checked) { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
.methods label:has(:focus-visible) { outline: 2px solid var(--accent); outline-offset: 2px; }
.methods span { font-weight: 550; line-height: 1.35; }
.methods small { display: block; color: var(--soft); font-size: 13px; font-weight: 400; }
input[type="radio"] {
  flex: none; width: 16px; height: 16px; margin: 2px 0 0; padding: 0; border-radius: 50%; box-shadow: none; cursor: pointer;
}
input[type="radio"]:checked { border: 5px solid var(--accent); background: var(--on-accent); }
input[type="radio"]:focus { outline: 0; }
.note { margin: 10px 0 0; color: var(--soft); font-size: 13.5px; }
.with-debit, main:has([value="delayed"]:checked) .with-card { display: none; }
main:has([value="delayed"]:checked) .with-debit { display: revert; }
.fault { margin: 7px 0 0; color: var(--bad); font-size: 13.5px; }
.alert {
  margin: 0 0 20px; padding: 12px 14px; border: 1px solid var(--bad); border-radius: 8px; background: var(--bad-soft);
  color: var(--bad); font-weight: 550; display: flex; gap: 10px; align-items: flex-start;
}
.alert svg { flex: none; margin-top: 2px; }
button {
  width: 100%; min-height: 48px; margin-top: 6px; padding: 0 16px; border: 0; border-radius: 8px; background: var(--accent);
  color: var(--on-accent); font: inherit; font-size: 16px; font-weight: 600; cursor: pointer; transition: background .12s;
}
button:hover { background: var(--accent-press); }
button[aria-disabled="true"] { opacity: .65; cursor: progress; }
.legal { margin: 12px 0 0; color: var(--soft); font-size: 13px; text-align: center; }
.hint { margin: 32px 0 0; padding: 14px 16px; border: 1px dashed var(--line-strong); border-radius: 8px; font-size: 13px; }
.hint p { margin: 0 0 8px; color: var(--soft); }
.hint dl { margin: 0; display: grid; gap: 4px; }
.hint div { display: flex; flex-wrap: wrap; justify-content: space-between; column-gap: 16px; }
.hint dt { font-variant-numeric: tabular-nums; letter-spacing: .01em; white-space: nowrap; }
.hint dd { margin: 0; color: var(--soft); }
.alone { min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 32px 24px; background: var(--side); }
.alone main { width: 100%; max-width: 420px; padding: 40px 36px; border: 1px solid var(--line); border-radius: 16px; background: var(--page); box-shadow: var(--shadow); text-align: center; }
.alone svg { color: var(--accent); }
.alone h1 { margin: 16px 0 8px; font-size: 22px; line-height: 1.3; letter-spacing: -.012em; text-wrap: balance; }
.alone p { margin: 0 0 24px; color: var(--soft); text-wrap: balance; }
.alone .button {
  display: inline-flex; align-items: center; min-height: 44px; padding: 10px 20px; border-radius: 8px; background: var(--accent);
  color: var(--on-accent); font-weight: 600; text-decoration: none;
}
.alone .button:hover { background: var(--accent-press); }
.alone .badge { display: inline-block; margin: 0; }
@media (max-width: 860px) {
  .split { grid-template-columns: 1fr; min-height: 0; }
  .side { justify-content: center; border-right: 0; border-bottom: 1px solid var(--line); }
  .side > div { margin: 24px 20px 28px; max-width: 480px; }
  .merchant { margin-bottom: 24px; }
  .back { margin-left: -12px; }
  .foot { display: none; }
  .lines { margin-top: 26px; }
  .pay { padding: 28px 20px 40px; display: flex; flex-direction: column; align-items: center; }
  .pay > * { max-width: 480px; }
  .amount strong { font-size: 34px; }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
`;

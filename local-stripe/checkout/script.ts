/**
 * What the page does where scripts run: groups the digits of the card number, puts the slash into the expiry date,
 * takes back what it said of a card when another method is chosen, and lets the form be sent once. Without it all of that is the server's to sort out, and it does.
 */
export const script = `
const field = (name) => document.querySelector('input[name="' + name + '"]');
const shape = (input, format) => input && input.addEventListener("input", () => {
  const atEnd = input.selectionStart === input.value.length;
  if (atEnd) input.value = format(input.value.replace(/\\D/g, ""));
});
shape(field("number"), (digits) => {
  const groups = /^3[47]/.test(digits) ? /^(\\d{1,4})(\\d{1,6})?(\\d{1,5})?.*$/ : /^(\\d{1,4})(\\d{1,4})?(\\d{1,4})?(\\d{1,7})?.*$/;
  return digits.replace(groups, (_, ...parts) => parts.slice(0, -2).filter(Boolean).join(" "));
});
let before = "";
shape(field("expiry"), (digits) => {
  const padded = /^[2-9]/.test(digits) ? "0" + digits : digits;
  const deleting = padded.length === 2 && before.length > 2;
  const text = padded.length < 2 || deleting ? padded : padded.slice(0, 2) + " / " + padded.slice(2, 4);
  before = text;
  return text;
});
shape(field("cvc"), (digits) => digits.slice(0, 4));
const form = document.querySelector("form");
form.addEventListener("change", (event) => {
  if (event.target.name === "method") form.querySelector(".alert")?.remove();
});
form.addEventListener("submit", (event) => {
  const button = form.querySelector("button");
  if (button.getAttribute("aria-disabled") === "true") return event.preventDefault();
  button.setAttribute("aria-disabled", "true");
  button.textContent = "Processing…";
});
addEventListener("pageshow", (event) => event.persisted && location.reload());
`;

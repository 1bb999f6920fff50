// Elements from values. Whatever comes from a page becomes text or an attribute here, never HTML.

const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
};
const known = (tag) => (tagNames.has(tag) ? tag : "none"); // a class of our style sheet
const nameOf = (tag) => tagNames.get(tag) ?? tag;
const glyph = (tag) => make("i", { class: `glyph ${known(tag)}`, "aria-hidden": "true" });
const chip = (tag, value = "") =>
  make("span", { class: `chip ${known(tag)}` }, glyph(tag), nameOf(tag), value === "" ? "" : make("b", {}, value));
const numeral = (number) => number.toLocaleString("en");
const score = (value) => (value === null || value === undefined ? "" : value.toFixed(2));
const readable = (key) => key.replaceAll("_", " ");
const count = (number, one, many) => `${numeral(number)} ${number === 1 ? one : many}`;

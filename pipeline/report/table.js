// The table of pages: search, filter, sort; rows are drawn as they come into sight.

const ROWS_AT_ONCE = 100;
const controls = { q: find("search"), tag: find("by-tag"), site: find("by-site"), sure: find("by-sure"), kind: find("by-kind") };
const sorting = { by: "", down: false };
let shown = pages; // the pages that pass the filters, in the order of the table
let drawn = 0;

const sorters = {
  title: (page) => page.title,
  site: (page) => page.site,
  date: (page) => page.date,
  words: (page) => page.words,
  kept: (page) => page.kept,
  dropped: (page) => page.dropped,
  ...Object.fromEntries(tagKeys.map((tag, at) => [tag, (page) => page.tagged[at]])),
  lowest: (page) => page.lowest,
};

const offer = (control, values, name) => control.append(...[...new Set(values)].sort().map((value) => make("option", { value }, name(value))));
offer(controls.site, pages.map((page) => page.site), (site) => site || "unknown");
offer(controls.kind, pages.map((page) => page.kind).filter(Boolean), readable);

const passes = () => {
  const words = controls.q.value.toLowerCase().split(/\s+/).filter(Boolean);
  const tag = controls.tag.value;
  const site = controls.site.selectedIndex > 0 ? controls.site.value : null;
  const [least, most] = controls.sure.value.split(" ").map(Number);
  return (page) => (!tag || (tag === "none" ? page.tagged.every((each) => !each) : page.tagged[tagKeys.indexOf(tag)] > 0))
    && (site === null || page.site === site)
    && (!controls.kind.value || page.kind === controls.kind.value)
    && (!controls.sure.value || (page.lowest !== null && page.lowest >= least && page.lowest < most))
    && words.every((word) => heads[page.number].includes(word) || (texts.get(page) ?? "").includes(word));
};

const sorted = (list) => {
  const value = sorters[sorting.by];
  if (!value) return list;
  const empty = (of) => of === "" || of === null;
  return [...list].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (empty(x) || empty(y)) return empty(x) - empty(y); // what is not known stands last either way
    const order = typeof x === "number" ? x - y : x.localeCompare(y);
    return (sorting.down ? -order : order) || a.number - b.number;
  });
};

const address = (page) => `#page=${encodeURIComponent(page.id)}`;
const drawRow = (page) => make("tr", { "data-number": page.number },
  make("td", { class: "name" }, make("a", { href: address(page), dir: "auto" }, page.title),
    make("span", { class: "sub" }, make("bdi", {}, page.site), ` ${page.date}`)),
  make("td", { class: "place" }, make("bdi", {}, page.site)),
  make("td", { class: "place day" }, page.date),
  make("td", { class: "number", "data-label": "words" }, numeral(page.words)),
  make("td", { class: "number", "data-label": "kept" }, numeral(page.kept)),
  make("td", { class: "number", "data-label": "dropped" }, numeral(page.dropped)),
  ...tagKeys.map((tag, at) => make("td", { class: `number tag ${tag}`, "data-label": page.tagged[at] ? nameOf(tag).toLowerCase() : null },
    page.tagged[at] ? make("b", {}, numeral(page.tagged[at])) : "")),
  make("td", { class: "number", "data-label": page.lowest === null ? null : "least sure" }, score(page.lowest)));

const drawMore = () => {
  const next = shown.slice(drawn, drawn + ROWS_AT_ONCE);
  find("rows").append(...next.map(drawRow));
  drawn += next.length;
  find("more").hidden = drawn >= shown.length;
  find("more").textContent = `Show more: ${numeral(shown.length - drawn)} are left`;
};

const drawTable = () => {
  shown = sorted(pages.filter(passes()));
  drawn = 0;
  find("rows").replaceChildren();
  drawMore();
  find("nothing").hidden = shown.length > 0;
  find("shown").textContent = `${numeral(shown.length)} of ${count(pages.length, "page", "pages")}`;
  for (const head of document.querySelectorAll("th[data-sort]")) {
    if (head.dataset.sort === sorting.by) head.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
};

const sort = (by) => {
  sorting.down = sorting.by === by && !sorting.down;
  sorting.by = by;
  drawTable();
  noteFilters();
};

// What is chosen stands in the address, so that Back, a bookmark and a link from elsewhere find it again.
const filterHash = () => {
  const chosen = new URLSearchParams();
  for (const [name, control] of Object.entries(controls)) {
    const any = control.tagName === "SELECT" ? control.selectedIndex === 0 : control.value === "";
    if (!any) chosen.set(name, control.value);
  }
  if (sorting.by) chosen.set("sort", `${sorting.down ? "-" : ""}${sorting.by}`);
  const text = chosen.toString();
  return text ? `#pages&${text}` : "#pages";
};
const noteFilters = () => history.replaceState(null, "", filterHash());
const readFilters = (chosen) => {
  for (const [name, control] of Object.entries(controls)) {
    const value = chosen.get(name);
    if (control.tagName !== "SELECT") control.value = value ?? "";
    else control.selectedIndex = value === null ? 0 : Math.max(0, [...control.options].findLastIndex((option) => option.value === value));
  }
  const by = (chosen.get("sort") ?? "").replace(/^-/, "");
  sorting.by = Object.hasOwn(sorters, by) ? by : "";
  sorting.down = (chosen.get("sort") ?? "").startsWith("-");
};

const searchTexts = () => {
  if (!controls.q.value.trim()) {
    find("searching").textContent = "";
    return;
  }
  if (texts.size < pages.length) find("searching").textContent = "Searching the text …";
  gatherTexts((done, error) => {
    if (error) find("searching").textContent = `Only titles and sites are searched. ${error.message}`;
    else find("searching").textContent = done < book.files ? `Searching the text: ${numeral(done)} of ${numeral(book.files)} files` : "";
    if (controls.q.value.trim()) drawTable();
  });
};

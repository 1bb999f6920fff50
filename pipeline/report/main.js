// Which view is open is said by the address: #overview, #pages and its filters, or #page=ID, with &passage=ID to point at one.

const views = ["overview", "pages", "page"];
let open = null; // the page that is open
let left = 0; // how far the table was scrolled when a page was opened
let turn = 0; // counts changes of view, so that a page that arrives late is not drawn

const show = (view) => {
  for (const name of views) find(`view-${name}`).hidden = name !== view;
  for (const link of document.querySelectorAll(".top a[data-view]")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
};

const openPage = async (id, passage) => {
  const page = byId.get(id);
  const mine = (turn += 1);
  if (!find("view-pages").hidden) left = scrollY;
  show("page");
  document.title = page ? `${page.title} · Healthsift report` : "Healthsift report";
  try {
    if (!page) throw new Error(`No page of this report has the id “${id}”. A report shows at most as many pages as --report-pages says.`);
    const view = await loadPage(page);
    if (mine !== turn) return;
    open = page;
    drawPage(page, view);
    scrollTo(0, 0);
    find("view-page").querySelector("h1").focus({ preventScroll: true });
    if (passage) pointAt(passage);
  } catch (error) {
    if (mine !== turn) return;
    open = page ?? null;
    find("view-page").replaceChildren(...(page ? [drawWalk(page)] : []), make("p", { class: "limit", role: "alert" }, error.message));
  }
};

const pointAt = (id) => {
  const passage = [...document.querySelectorAll("[data-passage]")].find((each) => each.dataset.passage === id);
  passage?.classList.add("pointed");
  passage?.scrollIntoView({ block: "center" });
};

const openTable = (chosen) => {
  const from = open;
  turn += 1;
  open = null;
  readFilters(chosen);
  show("pages");
  document.title = "Pages · Healthsift report";
  drawTable();
  searchTexts();
  if (from) {
    while (drawn < shown.length && shown.indexOf(from) >= drawn) drawMore();
    scrollTo(0, left);
    rowLink(from)?.focus({ preventScroll: true });
  } else scrollTo(0, 0);
};

const openOverview = (part) => {
  turn += 1;
  open = null;
  show("overview");
  document.title = "Healthsift report";
  const target = part && part !== "overview" ? find(part) : null;
  if (target) target.scrollIntoView();
  else scrollTo(0, 0);
};

const route = () => {
  const hash = location.hash.slice(1);
  const asked = new URLSearchParams(hash);
  if (asked.has("page")) openPage(asked.get("page"), asked.get("passage"));
  else if (asked.has("pages")) openTable(asked);
  else openOverview(hash);
};

// Next and previous follow the table as it is filtered and sorted.
const rowLink = (page) => find("rows").querySelector(`tr[data-number="${page.number}"] a`);
const stepPage = (by) => {
  const to = shown[shown.indexOf(open) + by];
  if (to) location.hash = address(to);
};
const stepRow = (by) => {
  const links = [...find("rows").querySelectorAll("tr .name a")];
  const at = links.indexOf(document.activeElement);
  if (at + by === links.length) return;
  links[at < 0 ? 0 : Math.max(0, at + by)]?.focus();
};
const search = () => {
  if (find("view-pages").hidden) location.hash = filterHash();
  setTimeout(() => controls.q.select()); // once the table is there
};

const keys = {
  j: () => (open ? stepPage(1) : stepRow(1)),
  k: () => (open ? stepPage(-1) : stepRow(-1)),
  n: () => stepSection(1),
  p: () => stepSection(-1),
  d: foldDropped,
  u: () => { location.hash = filterHash(); },
  o: () => { location.hash = "overview"; },
  "/": search,
  "?": () => find("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || find("keys").open) return;
  if (event.target.matches("input, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (Object.hasOwn(keys, event.key)) {
    event.preventDefault();
    keys[event.key]();
  }
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.id === "more") drawMore();
  else if (button.id === "fold") foldDropped();
  else if (button.id === "help") find("keys").showModal();
  else if (button.dataset.section) showSection(find(`section-${button.dataset.section}`));
  else if (button.closest("th[data-sort]")) sort(button.closest("th").dataset.sort);
});
const refilter = () => {
  drawTable();
  noteFilters();
  searchTexts();
};
for (const control of Object.values(controls)) control.addEventListener(control.tagName === "SELECT" ? "change" : "input", refilter);
new IntersectionObserver((seen) => {
  if (seen.some((entry) => entry.isIntersecting) && !find("more").hidden) drawMore();
}, { rootMargin: "600px" }).observe(find("more"));

document.documentElement.classList.add("js");
addEventListener("hashchange", route);
route();

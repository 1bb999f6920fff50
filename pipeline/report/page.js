// One page by itself: the article coloured by tag, with probabilities, evidence, and what was dropped in its place.

let droppedOpen = false; // stays as it was chosen from page to page

const allScores = (scores) => (scores ? tagKeys.map((tag, at) => `${nameOf(tag)} ${scores[at]?.toFixed(4) ?? "unknown"}`).join("\n") : null);

const drawDropped = (blocks) => {
  const reasons = new Map();
  for (const [reason] of blocks) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const named = [...reasons].sort((a, b) => b[1] - a[1]).map(([reason, times]) => readable(reason) + (times > 1 ? ` ×${times}` : ""));
  const head = `${count(blocks.length, "block", "blocks")} dropped: ${named.join(", ")}`;
  return make("details", { class: "dropped", open: droppedOpen }, make("summary", {}, head), make("ol", {}, ...blocks.map(([reason, value, text]) =>
    make("li", {}, make("span", {}, readable(reason)), make("span", { title: "Probability that it belongs to the article" }, score(value)),
      make("p", { dir: "auto" }, text)))));
};

const drawPiece = ([text, ...tags]) => (tags.length
  ? make("mark", { class: known(tags[0]), title: `Carries ${tags.map(nameOf).join(", ")}` }, text)
  : text);

const drawWhy = (why) => make("details", { class: "why" }, make("summary", {}, "Why"), make("dl", {}, ...why.flatMap(([tag, terms]) => [
  make("dt", {}, nameOf(tag)),
  ...terms.map(([term, weight]) => make("dd", {}, `${term} ${weight < 0 ? "−" : "+"}${Math.abs(weight).toFixed(2)}`)),
])));

const drawPassage = (passage) => {
  const { tags, scores } = passage;
  const others = scores ? tagKeys.filter((tag) => !tags.includes(tag)) : [];
  const scoreOf = (tag) => score(scores?.[tagKeys.indexOf(tag)]);
  const colours = tags.length ? `tagged ${known(tags[0])} ${tags.slice(1).map((tag) => `also-${known(tag)}`).join(" ")}` : "";
  return make("div", { class: `passage ${passage.kind} ${colours}`, "data-passage": passage.id },
    make("p", { dir: "auto", title: allScores(scores) }, ...passage.text.map(drawPiece)),
    make("div", { class: "scores", lang: "en" },
      tags.length ? make("div", { class: "chips" }, ...tags.map((tag) => chip(tag, scoreOf(tag)))) : "",
      others.length ? make("div", { class: "others" }, ...others.map((tag) => make("span", {}, `${nameOf(tag).toLowerCase()} ${scoreOf(tag)}`))) : "",
      passage.why.length ? drawWhy(passage.why) : ""));
};

const drawSection = (section, number) => make("section", { class: `section ${known(section.tags[0])}`, id: `section-${number}`, tabindex: "-1" },
  section.heading ? make("h2", { class: `level-${section.level}`, dir: "auto" }, section.heading) : "",
  section.tags.length && section.scores
    ? make("p", { class: "chips", title: allScores(section.scores) }, ...section.tags.map((tag) => chip(tag, score(section.scores[tagKeys.indexOf(tag)]))))
    : "",
  ...section.parts.map((part) => (part.dropped ? drawDropped(part.dropped) : drawPassage(part))));

const drawHeader = (page, view) => {
  const facts = [page.site, page.date, view.author, page.language, readable(page.kind || "unknown"),
    `${count(page.words, "word", "words")}, ${count(page.kept, "block", "blocks")} kept, ${numeral(page.dropped)} dropped`];
  const safe = view.link && /^https?:\/\//i.test(view.address);
  const original = byId.get(view.original);
  const tags = tagKeys.filter((tag, at) => page.tagged[at]);
  return make("header", {},
    make("h1", { dir: "auto", tabindex: "-1" }, page.title),
    make("ul", { class: "meta" }, ...facts.filter(Boolean).map((fact) => make("li", {}, make("bdi", {}, fact)))),
    make("p", { class: "url" }, safe ? make("a", { href: view.address, rel: "noopener noreferrer nofollow" }, view.address) : view.address),
    tags.length ? make("p", { class: "chips" }, make("span", { class: "quiet" }, "Tagged passages "), ...tags.map((tag) => chip(tag, numeral(page.tagged[tagKeys.indexOf(tag)])))) : "",
    view.note ? make("p", { class: "note" }, view.note) : "",
    view.original ? make("p", { class: "note" }, "The same article as ", original ? make("a", { href: address(original) }, original.id) : view.original, ".") : "");
};

const drawWalk = (page) => {
  const at = shown.indexOf(page);
  const beside = (by, text) => {
    const to = at < 0 ? undefined : shown[at + by];
    return to ? make("a", { href: address(to), rel: by < 0 ? "prev" : "next" }, text) : make("span", { class: "off" }, text);
  };
  const where = at < 0 ? `Page ${numeral(page.number + 1)} of the report` : `${numeral(at + 1)} of ${numeral(shown.length)}`;
  return make("nav", { class: "walk", "aria-label": "Pages" }, make("a", { href: filterHash() }, "All pages"),
    beside(-1, "Previous"), beside(1, "Next"), make("span", { class: "where" }, where + (shown.length < pages.length ? ", as filtered" : "")));
};

const drawOutline = (sections) => make("nav", { class: "outline", "aria-label": "Sections" },
  make("ol", {}, ...sections.filter(([section]) => section.heading).map(([section, number]) => make("li", {},
    make("button", { type: "button", "data-section": number }, glyph(section.tags[0]), section.heading)))));

const drawPage = (page, view) => {
  const numbered = view.parts.map((part, number) => [part, number]);
  const sections = numbered.filter(([part]) => !part.dropped);
  const folded = view.parts.some((part) => part.dropped || part.parts.some((inner) => inner.dropped));
  const body = make("div", { class: "body", lang: page.language || null },
    ...numbered.map(([part, number]) => (part.dropped ? drawDropped(part.dropped) : drawSection(part, number))),
    view.parts.length ? "" : make("p", { class: "empty", lang: "en" }, "Nothing of this page was kept or dropped."));
  find("view-page").replaceChildren(drawWalk(page), drawHeader(page, view),
    make("div", { class: "spread" },
      make("div", { class: "side" },
        folded ? make("button", { type: "button", id: "fold", "aria-pressed": String(droppedOpen) }, "Show what was dropped") : "",
        drawOutline(sections)),
      body));
};

const foldDropped = () => {
  droppedOpen = !droppedOpen;
  for (const run of document.querySelectorAll("#view-page .dropped")) run.open = droppedOpen;
  find("fold")?.setAttribute("aria-pressed", String(droppedOpen));
};

// To the next or previous section from the top of the window.
const stepSection = (by) => {
  const sections = [...document.querySelectorAll("#view-page .section")];
  const line = 90; // below the bar at the top
  const to = by > 0
    ? sections.find((section) => section.getBoundingClientRect().top > line)
    : sections.findLast((section) => section.getBoundingClientRect().top < line - 20);
  if (to) showSection(to);
};
const showSection = (section) => {
  section.scrollIntoView({ block: "start" });
  section.focus({ preventScroll: true });
};

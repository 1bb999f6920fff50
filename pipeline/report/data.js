// The pages of this report: the table's rows are in the page itself, their text where it is asked for.

const find = (id) => document.getElementById(id);
const book = JSON.parse(find("index").textContent);
const tagNames = new Map(book.tags);
const tagKeys = [...tagNames.keys()];
const pages = book.pages.map((row, number) => {
  const page = Object.fromEntries(book.fields.map((field, at) => [field, row[at]]));
  return { ...page, number, title: page.title || "Untitled page" };
});
const byId = new Map(pages.map((page) => [page.id, page]));
const place = new Map(); // page → where it stands in its file
{
  const filled = new Map();
  for (const page of pages) {
    place.set(page, filled.get(page.file) ?? 0);
    filled.set(page.file, place.get(page) + 1);
  }
}

// A report from a file may load scripts, and nothing else: each data file is a script that hands over its pages.
const KEPT_FILES = 4;
const missing = `The text of the pages is in the folder “${book.folder}”, which belongs beside this file.`;
const policy = self.trustedTypes?.createPolicy("healthsift", {
  createScriptURL: (number) => `${book.folder}/data-${Number(number)}.js`,
});
const arrived = new Map(); // file number → its pages, until they are taken
self.healthsiftData = (build, number, text) => {
  if (build === book.build) arrived.set(number, text);
};

const request = (number) => new Promise((resolve, reject) => {
  const script = document.createElement("script");
  const settle = () => {
    script.remove();
    const text = arrived.get(number);
    arrived.delete(number);
    if (text) resolve(text);
    else reject(new Error(`${missing} ${book.folder}/data-${number}.js is missing, or of another run.`));
  };
  script.onload = settle;
  script.onerror = settle;
  script.src = policy ? policy.createScriptURL(String(number)) : `${book.folder}/data-${number}.js`;
  document.head.append(script);
});

const files = new Map(); // file number → promise of its pages; those asked for last stay
const loadFile = (number) => {
  const within = find("within");
  const promise = files.get(number) ?? (within ? Promise.resolve(JSON.parse(within.textContent)) : request(number));
  files.delete(number);
  files.set(number, promise);
  promise.catch(() => files.delete(number)); // it may be there the next time
  if (files.size > KEPT_FILES) files.delete(files.keys().next().value);
  return promise;
};
const loadPage = async (page) => (await loadFile(page.file))[place.get(page)];

// The text to search: gathered at the first search, file by file, so that the page stays quick meanwhile.
const headOf = (page) => `${page.title} ${page.site} ${page.id}`.toLowerCase();
const heads = pages.map(headOf);
const texts = new Map(); // page → all its words in lower case
let gathering = null;
const gatherTexts = (tell) => {
  gathering ??= (async () => {
    for (let number = 0; number < book.files; number += 1) {
      const loaded = await loadFile(number);
      for (const page of pages) if (page.file === number) texts.set(page, textOf(loaded[place.get(page)]));
      tell(number + 1);
    }
  })().catch((error) => {
    gathering = null;
    tell(0, error);
  });
};
const textOf = (page) => page.parts.flatMap((part) => [
  part.heading ?? "",
  ...(part.parts ?? []).map((inner) => (inner.text ?? []).map(([piece]) => piece).join("")),
]).join(" ").replace(/\s+/g, " ").toLowerCase();

// A grid of tiles of one size, of which only the rows in view exist. Pages of the list are fetched as they come into view.

import { html, useState, useEffect, useLayoutEffect, useRef, useCallback } from "/static/vendor/preact-htm.js";
import { get, loadInTurn, thumbnail } from "./api.js";
import { NO_FACE, SEVERAL_FACES } from "./filters.js";
import { emoji, percent } from "/static/labels.js";

const PAGE = 120;
const MARGIN_ROWS = 3;
const CAPTION = 44;
const GAP = 6;

export function usePages(query, revision) {
  const pages = useRef(new Map());
  const shown = useRef(pages.current); // those of the filter before, until the first of the new one is there
  const [total, setTotal] = useState(null);
  const [, redraw] = useState(0);
  const [problem, setProblem] = useState("");
  const key = useRef("");
  const running = useRef(new AbortController());

  if (key.current !== query) {
    key.current = query;
    running.current.abort();
    running.current = new AbortController();
    pages.current = new Map();
  }
  const fetchPage = useCallback((page) => {
    if (key.current !== query) return; // an effect of the filter before, which runs after another was chosen
    const known = pages.current.get(page);
    if (known && (known.loading || known.revision === revision)) return;
    const mine = pages.current;
    mine.set(page, { items: known ? known.items : [], loading: true });
    get(`/api/photographs?${query}&offset=${page * PAGE}&limit=${PAGE}`, running.current.signal)
      .then((answer) => {
        mine.set(page, { items: answer.items, revision });
        if (mine !== pages.current) return;
        shown.current = mine;
        setProblem("");
        setTotal(answer.total);
        redraw((n) => n + 1);
      })
      .catch((error) => {
        mine.delete(page);
        if (error.name !== "AbortError" && mine === pages.current) setProblem(error.message);
      });
  }, [query, revision]);
  useEffect(() => fetchPage(0), [fetchPage]);
  const item = (index) => {
    const page = shown.current.get(Math.floor(index / PAGE));
    return page ? page.items[index % PAGE] : undefined;
  };
  const replace = (changed) => {
    for (const page of shown.current.values()) {
      const at = page.items.findIndex((each) => each.id === changed.id);
      if (at >= 0) page.items[at] = { ...page.items[at], ...changed };
    }
    redraw((n) => n + 1);
  };
  const fetchItem = (index) => fetchPage(Math.floor(index / PAGE));
  return { total, item, fetchPage, fetchItem, problem, replace, query: shown.current === pages.current ? query : null };
}

export function Grid({ list, task, selected, onOpen, onSelect, focus, t }) {
  const box = useRef(null);
  const [view, setView] = useState({ row: 0, width: 0, height: 0 });
  const measure = useCallback(() => {
    const { scrollTop, clientWidth: width, clientHeight: height } = box.current || {};
    if (width === undefined) return;
    const row = Math.floor(scrollTop / layout(width).rowHeight);
    // The same object where no row has come into view: nothing is drawn anew then.
    setView((old) => (old.row === row && old.width === width && old.height === height ? old : { row, width, height }));
  }, []);
  useLayoutEffect(() => {
    measure();
    const watching = new ResizeObserver(measure);
    watching.observe(box.current);
    return () => watching.disconnect();
  }, []);
  const frame = useRef(0);
  const scrolled = () => {
    if (!frame.current) frame.current = requestAnimationFrame(() => { frame.current = 0; measure(); });
  };

  const { columns, size, rowHeight } = layout(view.width);
  const total = list.total || 0;
  const rows = Math.ceil(total / columns);
  const firstRow = Math.max(0, view.row - MARGIN_ROWS);
  const lastRow = Math.min(rows, view.row + 1 + Math.ceil(view.height / rowHeight) + MARGIN_ROWS);
  const first = firstRow * columns;
  const last = Math.min(total, lastRow * columns);
  useEffect(() => {
    for (let page = Math.floor(first / PAGE); page <= Math.floor(Math.max(first, last - 1) / PAGE); page++) list.fetchPage(page);
  }, [first, last, list.fetchPage]);

  const filtered = useRef(list.query);
  useLayoutEffect(() => {
    if (list.query === null || list.query === filtered.current) return;
    if (filtered.current !== null) box.current.scrollTop = 0; // another filter begins at its first photograph
    filtered.current = list.query;
  }, [list.query]);

  const [active, setActive] = useState(0);
  useEffect(() => { if (focus !== null && focus !== undefined) setActive(focus); }, [focus]);
  const move = (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -active, End: total - 1 - active,
      PageDown: columns * Math.floor(view.height / rowHeight), PageUp: -columns * Math.floor(view.height / rowHeight) };
    if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = Math.min(total - 1, Math.max(0, active + steps[event.key]));
    setActive(next);
    const top = Math.floor(next / columns) * rowHeight;
    const element = box.current;
    if (top < element.scrollTop) element.scrollTop = top;
    if (top + rowHeight > element.scrollTop + element.clientHeight) element.scrollTop = top + rowHeight - element.clientHeight;
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const tile = element.querySelector(`[data-index="${next}"] .open`);
      if (tile) tile.focus({ preventScroll: true });
    }));
  };

  const drawn = useRef(new Map());
  const before = drawn.current;
  drawn.current = new Map();
  const tiles = [];
  for (let index = first; index < last; index++) {
    const item = list.item(index);
    const depends = [item, size, columns, total, task, !!item && selected.has(item.id), index === active, onOpen, onSelect, t];
    const old = before.get(index);
    const tile = old && old.depends.every((each, at) => each === depends[at]) ? old : { depends, node: null };
    if (!tile.node) {
      const style = { width: `${size}px`, height: `${size + CAPTION}px`,
        left: `${GAP + (index % columns) * (size + GAP)}px`, top: `${GAP + Math.floor(index / columns) * rowHeight}px` };
      tile.node = html`<${Tile} key=${item ? item.id : `at${index}`} index=${index} item=${item} style=${style} total=${total} task=${task}
        chosen=${depends[5]} active=${depends[6]} onOpen=${onOpen} onSelect=${onSelect} t=${t}/>`;
    }
    drawn.current.set(index, tile);
    tiles.push(tile.node);
  }
  return html`<div class="grid" ref=${box} onScroll=${scrolled} onKeyDown=${move} role="list" aria-label=${t("photographs")} tabindex=${total ? -1 : 0}>
    <div class="all" style=${{ height: `${rows * rowHeight + GAP}px` }}>${tiles}</div>
  </div>`;
}

function layout(width) {
  const wanted = width < 600 ? 112 : 168;
  const columns = Math.max(1, Math.floor((width - GAP) / (wanted + GAP)));
  const size = Math.floor((width - GAP) / columns) - GAP;
  return { columns, size, rowHeight: size + CAPTION + GAP };
}

function Tile({ index, item, style, total, task, chosen, active, onOpen, onSelect, t }) {
  if (!item) return html`<div class="tile empty" style=${style} role="listitem" data-index=${index}></div>`;
  const words = caption(item, task, t);
  const mark = item.mark === "keep" ? "✓" : item.mark === "reject" ? "✕" : "";
  return html`<div class="tile ${chosen ? "chosen" : ""} ${item.mark || ""}" style=${style} role="listitem" data-index=${index}
      aria-setsize=${total} aria-posinset=${index + 1}>
    <button class="open" tabindex=${active ? 0 : -1} onClick=${() => onOpen(index)} aria-label=${`${item.name}, ${words.text}`}>
      <${Thumbnail} id=${item.id}/>
    </button>
    ${item.stack && html`<span class="badge stack" title=${t("stackOf", item.stack.size)}>▤ ${item.stack.size}</span>`}
    ${mark && html`<span class="badge mark ${item.mark}" title=${t(item.mark)}>${mark}</span>`}
    <input type="checkbox" class="pick" tabindex=${active ? 0 : -1} checked=${chosen} aria-label=${t("select", item.name)}
      onClick=${(event) => onSelect(index, event.shiftKey)}/>
    <div class="caption" aria-hidden="true"><span class="label">${words.emoji} ${words.label}</span><span class="score">${words.score}</span></div>
  </div>`;
}

function Thumbnail({ id }) {
  const image = useRef(null);
  useEffect(() => {
    const shown = image.current;
    const over = loadInTurn(() => { shown.src = thumbnail(id); });
    shown.onload = shown.onerror = over;
    return over;
  }, [id]);
  return html`<img ref=${image} alt="" decoding="async" draggable="false"/>`;
}

export function caption(item, task, t) {
  const made = (face, label, score) => ({ emoji: face, label, score, text: `${label} ${score}` });
  if (item.failed) return made("⚠️", t("damaged"), "");
  if (item.pending) return made("…", t("notRead"), "");
  if (item.faces === 0) return made(emoji(NO_FACE), t("noFace"), "");
  if (item.faces > 1) return made(emoji(SEVERAL_FACES), t("severalFaces", item.faces), "");
  const found = item.labels[task];
  return found ? made(emoji(found[0]), t.label(found[0]), percent(found[1])) : made("…", t("notRead"), "");
}

// A table of thousands of rows of which only those in sight exist.

import { element, setText } from "./dom.js";

const ROW = 30;
const SPARE = 6;

/**
 * The table. Columns: {name, label, sort, text(item), mark(item)}; `mark` names the look of a cell.
 * Keyboard: the table has the focus, and one row is active.
 */
export class Grid {
  constructor(container, { label, columns, idOf, onopen, onselect, onsort }) {
    Object.assign(this, { columns, idOf, onopen, onselect, onsort });
    this.items = [];
    this.selected = new Set();
    this.active = -1;
    this.pool = [];
    this.queued = false;
    this.headers = new Map();
    this.body = element("div", { role: "rowgroup", class: "grid-body" });
    this.node = element(
      "div",
      {
        role: "grid", tabindex: 0, class: "grid", "aria-label": label, "aria-multiselectable": "true",
        "aria-colcount": columns.length + 1, onkeydown: (event) => this.onkey(event),
      },
      element("div", { role: "rowgroup", class: "grid-head" }, this.headRow()),
      this.body,
    );
    this.node.addEventListener("scroll", () => this.later(), { passive: true });
    this.body.addEventListener("click", (event) => this.onclick(event));
    this.body.addEventListener("dblclick", (event) => this.onclick(event, true));
    container.append(this.node);
    new ResizeObserver(() => this.later()).observe(this.node);
  }

  headRow() {
    const cells = this.columns.map((column) => {
      const button = element(
        "button",
        { type: "button", title: column.title || column.label, onclick: () => this.onsort(column.name) },
        column.label,
      );
      const cell = element("div", { role: "columnheader", class: `c-${column.name}` }, button);
      this.headers.set(column.name, cell);
      return cell;
    });
    this.all = element("input", {
      type: "checkbox", "aria-label": "Select all clips of the list", onchange: () => this.selectAll(this.all.checked),
    });
    const first = element("div", { role: "columnheader", class: "c-pick" }, this.all);
    return element("div", { role: "row", class: "grid-row", "aria-rowindex": 1 }, first, cells);
  }

  /** Shows items; keeps the active one where it still is, else the first. */
  show(items, sort, down) {
    const before = this.items[this.active];
    this.items = items;
    const ids = new Set(items.map(this.idOf));
    for (const id of this.selected) if (!ids.has(id)) this.selected.delete(id);
    this.active = items.length ? Math.max(0, before ? items.indexOf(before) : 0) : -1;
    this.node.setAttribute("aria-rowcount", items.length + 1);
    this.body.style.height = `${items.length * ROW}px`;
    for (const [name, cell] of this.headers) {
      if (name === sort) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    this.tellSelection();
    this.draw(true);
  }

  /** Makes a clip the active one and brings it into sight. */
  activate(id) {
    const index = this.items.findIndex((item) => this.idOf(item) === id);
    if (index >= 0) this.go(index);
  }

  get activeItem() {
    return this.items[this.active] || null;
  }

  /** The items that are selected, in the order of the list. */
  chosen() {
    return this.items.filter((item) => this.selected.has(this.idOf(item)));
  }

  selectAll(on) {
    this.selected = new Set(on ? this.items.map(this.idOf) : []);
    this.tellSelection();
    this.draw(true);
  }

  toggle(index) {
    const id = this.idOf(this.items[index]);
    if (!this.selected.delete(id)) this.selected.add(id);
    this.tellSelection();
    this.draw(true);
  }

  tellSelection() {
    this.all.checked = this.selected.size > 0 && this.selected.size === this.items.length;
    this.all.indeterminate = this.selected.size > 0 && !this.all.checked;
    this.onselect(this.selected.size);
  }

  /** Draws before the next picture, once however often it is asked. */
  later() {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      this.draw(false);
    });
  }

  draw(all) {
    const height = this.node.clientHeight || 600;
    const first = Math.max(0, Math.floor(this.node.scrollTop / ROW) - SPARE);
    const last = Math.min(this.items.length, Math.ceil((this.node.scrollTop + height) / ROW) + SPARE);
    const count = Math.ceil(height / ROW) + 2 * SPARE + 1;
    while (this.pool.length < count) this.pool.push(this.makeRow());
    // Row i lies in slot i modulo the pool, so that scrolling by one row rewrites one row.
    const size = this.pool.length;
    for (let slot = 0; slot < size; slot += 1) {
      const index = first + ((((slot - first) % size) + size) % size);
      this.fill(this.pool[slot], index < last ? index : -1, all);
    }
    const active = this.pool.find((row) => row.index === this.active && row.index >= 0);
    if (active) this.node.setAttribute("aria-activedescendant", active.node.id);
    else this.node.removeAttribute("aria-activedescendant");
  }

  makeRow() {
    const pick = element("input", { type: "checkbox", tabindex: -1, "aria-label": "Select" });
    const cells = this.columns.map((column) => element("div", { role: "gridcell", class: `c-${column.name}` }));
    const id = `row-${this.pool.length}`;
    const first = element("div", { role: "gridcell", class: "c-pick" }, pick);
    const node = element("div", { role: "row", class: "grid-row", id, hidden: true }, first, cells);
    this.body.append(node);
    return { node, pick, cells, index: -1 };
  }

  fill(row, index, all) {
    const moved = row.index !== index;
    row.index = index;
    if (index < 0) {
      if (moved) row.node.hidden = true;
      return;
    }
    const item = this.items[index];
    if (moved) {
      row.node.hidden = false;
      row.node.style.transform = `translateY(${index * ROW}px)`;
      row.node.setAttribute("aria-rowindex", index + 2);
    }
    row.node.classList.toggle("active", index === this.active);
    if (!moved && !all) return;
    const id = this.idOf(item);
    const chosen = this.selected.has(id);
    row.pick.checked = chosen;
    row.node.setAttribute("aria-selected", chosen);
    row.pick.setAttribute("aria-label", `Select ${id}`);
    this.columns.forEach((column, n) => {
      const text = column.text(item);
      setText(row.cells[n], text);
      if (column.mark) row.cells[n].dataset.mark = column.mark(item);
      if (column.long) row.cells[n].title = text;
    });
  }

  onclick(event, twice = false) {
    const row = this.pool.find((each) => each.node.contains(event.target));
    if (!row || row.index < 0) return;
    const { index } = row;
    if (event.target === row.pick) {
      this.toggle(index);
    } else if (event.shiftKey && this.active >= 0) {
      const [from, to] = [Math.min(index, this.active), Math.max(index, this.active)];
      for (let n = from; n <= to; n += 1) this.selected.add(this.idOf(this.items[n]));
      this.tellSelection();
      this.draw(true);
      return;
    } else if (twice || event.target.closest(".c-clip_id, .c-title")) {
      this.onopen(this.items[index]);
      return;
    }
    this.go(index);
  }

  onkey(event) {
    if (event.target !== this.node || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.node.clientHeight / ROW) - 2);
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page };
    if (event.key in steps) this.go(this.active + steps[event.key]);
    else if (event.key === "Home") this.go(0);
    else if (event.key === "End") this.go(this.items.length - 1);
    else if (event.key === " " && this.active >= 0) this.toggle(this.active);
    else if ((event.key === "Enter" || event.key === "l") && this.active >= 0) this.onopen(this.activeItem);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  go(index) {
    if (!this.items.length) return;
    this.active = Math.min(this.items.length - 1, Math.max(0, index));
    const head = this.node.firstElementChild.offsetHeight;
    const top = this.active * ROW;
    const height = this.node.clientHeight - head;
    if (top < this.node.scrollTop) this.node.scrollTop = top;
    else if (top + ROW > this.node.scrollTop + height) this.node.scrollTop = top + ROW - height;
    this.draw(false);
  }
}

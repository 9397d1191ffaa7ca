"use strict";
// Tables: a click on a heading sorts, numbers by size and texts by letters.
function compare(a, b) {
  const [x, y] = [parseFloat(a), parseFloat(b)];
  return Number.isNaN(x - y) ? a.localeCompare(b) : x - y;
}
for (const table of document.querySelectorAll("table.sort")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const value = row => row.cells[column].dataset.v ?? row.cells[column].textContent;
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => sign * compare(value(a), value(b)));
    table.tBodies[0].append(...rows);
  }));
}
// Charts: the instant and the values under the pointer.
const WIDTH = 2000, HEIGHT = 100, NEAR = 12;
const instant = new Intl.DateTimeFormat("en-GB", {
  timeZone: document.body.dataset.zone,
  weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});
const known = new WeakMap();
function pointsOf(svg) {
  if (!known.has(svg)) {
    const points = [], line = svg.querySelector(".ln");
    for (const part of line ? line.getAttribute("d").split("M").slice(1) : []) {
      const numbers = part.match(/-?\d+/g).map(Number);
      let x = 0, y = 0;
      for (let i = 0; i + 1 < numbers.length; i += 2) {
        points.push([x += numbers[i], y += numbers[i + 1]]);
      }
    }
    known.set(svg, points);
  }
  return known.get(svg);
}
function nearest(points, x) {
  let low = 0, high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < x) low = middle + 1; else high = middle;
  }
  return points[low] && Math.abs(points[low][0] - x) < NEAR ? points[low] : null;
}
function short(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 1 ? 1 : 3);
}
function put(parent, tag, name) {
  const element = document.createElement(tag);
  element.className = name;
  parent.append(element);
  return element;
}
function read(chart, pieces, share) {
  const x = share * WIDTH, piece = pieces.find(it => x >= it[0] && x <= it[1]);
  if (piece) {
    const [left, right, from, until] = piece;
    const second = from + (x - left) / (right - left) * (until - from);
    chart.querySelector(".at").textContent = instant.format(1000 * second);
  }
  for (const paper of chart.querySelectorAll(".paper:not(.ticks)")) {
    put(paper, "div", "cursor").style.left = 100 * share + "%";
    const svg = paper.querySelector("svg[data-y]"), point = svg && nearest(pointsOf(svg), x);
    if (!point) continue;
    const [low, high] = svg.dataset.y.split(",").map(Number);
    put(paper, "span", "read").textContent = short(high - point[1] / HEIGHT * (high - low));
  }
}
for (const chart of document.querySelectorAll("[data-x]")) {
  const pieces = JSON.parse(chart.dataset.x);
  const clear = () => {
    chart.querySelectorAll(".cursor, .read").forEach(it => it.remove());
    chart.querySelector(".at").textContent = "";
  };
  chart.addEventListener("pointerleave", clear);
  chart.addEventListener("pointermove", event => {
    clear();
    const box = chart.querySelector(".paper").getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    if (share >= 0 && share <= 1) read(chart, pieces, share);
  });
}

/**
 * Draws the second column of each table that says `data-chart` over its first, and the values of each figure in `.sparks`, one
 * a run. Runs in browsers, after uPlot.
 */
const height = 180;
const sparkHeight = 110;

function draw(chart, table) {
  const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  const rows = [...table.tBodies[0].rows];
  const labels = rows.map((row) => row.cells[0].textContent.trim());
  const values = rows.map((row) => valueOf(row.cells[1]));
  const inTime = labels.every((label) => /^\d{4}-\d{2}(-\d{2})?$/.test(label));
  // Tables have the newest first, charts the oldest.
  if (inTime) {
    labels.reverse();
    values.reverse();
  }
  keep(chart, height, () => optionsOf(chart, names, labels, inTime), values);
}

/** Draws, and again where the width or the theme becomes another. */
function keep(chart, high, options, values) {
  let plot;
  const make = () => {
    plot?.destroy();
    plot = new uPlot(options(), [values.map((_, at) => at), values], chart);
  };
  make();
  new ResizeObserver(() => plot.setSize({ width: chart.clientWidth, height: high })).observe(chart);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", make);
}

function drawSpark(chart) {
  const values = JSON.parse(chart.dataset.values);
  keep(chart, sparkHeight, () => sparkOptionsOf(chart), values);
}

function sparkOptionsOf(chart) {
  const { axis, line } = coloursOf(chart);
  return {
    width: chart.clientWidth,
    height: sparkHeight,
    scales: { x: { time: false }, y: { range: (_, __, most) => [0, most || 1] } },
    axes: [{ show: false }, { ...axis, size: 56, space: 36 }],
    series: [{}, { stroke: line, width: 1, points: { size: 3, fill: line }, spanGaps: true }],
    cursor: { show: false },
    legend: { show: false },
  };
}

const valueOf = (cell) => {
  const data = cell.querySelector("data");
  return data === null ? null : Number(data.value);
};

function optionsOf(chart, [over, name], labels, inTime) {
  const { axis, line } = coloursOf(chart);
  const labelAt = (at) => (Number.isInteger(at) ? (labels[at] ?? "") : "");
  return {
    width: chart.clientWidth,
    height,
    scales: { x: { time: false, range: [-0.5, labels.length - 0.5] }, y: { range: (_, __, most) => [0, most || 1] } },
    axes: [
      { ...axis, space: inTime ? 90 : 70, incrs: [1, 2, 5, 7, 10, 14, 30, 60], values: (_, at) => at.map(labelAt) },
      { ...axis, size: 64 },
    ],
    series: [
      { label: over, value: (_, at) => (at === null ? "" : labelAt(at)) },
      {
        label: name,
        stroke: line,
        fill: `color-mix(in srgb, ${line} 25%, transparent)`,
        width: 1.5,
        paths: uPlot.paths.bars({ size: [0.7, 48] }),
        points: { show: false },
      },
    ],
    cursor: { points: { show: false } },
  };
}

function coloursOf(chart) {
  const muted = getComputedStyle(chart).color;
  const [line, grid] = ["series", "grid"].map((kind) => colourOf(chart, kind));
  return { line, axis: { stroke: muted, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } } };
}

/** Canvas knows no CSS variables: the colour of an element that has it. */
function colourOf(chart, kind) {
  const probe = document.createElement("span");
  probe.className = kind;
  chart.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

for (const table of document.querySelectorAll("table[data-chart]")) {
  // One bar says nothing.
  if (table.tBodies[0].rows.length < 2) continue;
  const chart = document.createElement("div");
  chart.className = "chart";
  // What it shows stands in the table below it.
  chart.setAttribute("aria-hidden", "true");
  (table.closest(".frame") ?? table).before(chart);
  draw(chart, table);
}

for (const group of document.querySelectorAll(".sparks")) {
  group.hidden = false;
  for (const chart of group.querySelectorAll("figure")) {
    chart.setAttribute("aria-hidden", "true");
    drawSpark(chart);
  }
}

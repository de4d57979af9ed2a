// How fast a task was over time: the rate that the server has measured, drawn anew every few seconds while the task runs.
"use strict";
(() => {
  const figure = document.getElementById("rate");
  const place = figure.querySelector(".plot");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 3 });
  const second = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
  const minute = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
  const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
  const height = 180;
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800]; // seconds between two times of the axis
  let plot;

  async function draw() {
    const answer = await fetch(figure.dataset.rate, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const { unit, at, rate } = await answer.json();
    figure.hidden = rate.filter((value) => value !== null).length < 2;
    if (figure.hidden) return;
    const data = [at.map((moment) => Date.parse(moment) / 1000), rate];
    if (plot) return plot.setData(data);
    const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    plot = new uPlot(
      {
        width: place.clientWidth,
        height,
        padding: [null, 32, null, null], // the last time is written whole
        legend: { show: false },
        scales: { y: { range: (self, least, most) => [0, most * 1.1 || 1] } },
        axes: [{ ...axis, size: 32, space: 90, incrs: steps, values: (self, ticks, at, space, step) => ticks.map((value) => (step < 60 ? second : step < 86400 ? minute : day).format(value * 1000)) }, { ...axis, size: 52, values: (self, ticks) => ticks.map((value) => short.format(value)) }],
        series: [{}, { label: `${unit} a second`, stroke: colour("--run"), width: 2, points: { show: false } }],
      },
      data,
      place,
    );
    new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height })).observe(place);
  }

  let pending;
  document.addEventListener("htmx:after:swap", () => (pending ??= setTimeout(() => ((pending = undefined), draw()), 4000)));
  draw();
})();

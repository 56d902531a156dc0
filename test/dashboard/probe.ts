/** What runs inside the page under test: looks at it, and measures what it does to its thread. */

/** Installed before the page's own scripts. */
export const probeSource = `
window.probe = {
  longTasks: [],
  text: (selector) => document.querySelector(selector)?.innerText ?? null,
  rows() {
    const scroller = document.querySelector(".log-scroll");
    const box = scroller.getBoundingClientRect();
    return [...scroller.querySelectorAll(".row:not([hidden])")]
      .map((element) => ({
        kind: ["fold", "gap", "entry"].find((kind) => element.classList.contains(kind)),
        seq: Number(element.dataset.seq ?? 0),
        text: (element.querySelector(element.classList.contains("fold") ? ".marker" : ".text") ?? element).textContent,
        level: element.dataset.level ?? "",
        y: Math.round(element.getBoundingClientRect().top - box.top),
        height: element.offsetHeight,
      }))
      .sort((one, other) => one.y - other.y)
      .filter((row) => row.y + row.height > 0 && row.y < box.height);
  },
  /** Elements of the list, drawn or spare. */
  elementCount: () => document.querySelectorAll(".log-scroll *").length,
  rowCount: () => document.querySelectorAll(".log-scroll .row").length,
  scrollTo(share) {
    const scroller = document.querySelector(".log-scroll");
    scroller.scrollTop = share * (scroller.scrollHeight - scroller.clientHeight);
  },
  /** Scrolls up to entry \`seqFirst\` and returns what was seen: [seq, text], one of each, and lines that changed. */
  async readUp(seqFirst) {
    const scroller = document.querySelector(".log-scroll");
    const seen = new Map();
    const changed = [];
    for (let frame = 0; frame < 3000 && !seen.has(seqFirst); frame++) {
      for (const { kind, seq, text } of probe.rows()) {
        if (kind !== "entry") continue;
        if (seen.has(seq) && seen.get(seq) !== text) changed.push([seq, text]);
        seen.set(seq, text);
      }
      scroller.scrollTop -= 200;
      await new Promise(requestAnimationFrame);
    }
    return { seen: [...seen].sort((one, other) => one[0] - other[0]), changed };
  },
  /** Scrolls on by \`stepPx\` every frame, \`count\` times. */
  async sweep(stepPx, count) {
    const scroller = document.querySelector(".log-scroll");
    for (let step = 0; step < count; step++) {
      scroller.scrollTop += stepPx;
      await new Promise(requestAnimationFrame);
    }
  },
};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) probe.longTasks.push(Math.round(entry.duration));
}).observe({ type: "longtask", buffered: true });
`;

/* First order of all responses, or of all classes, side by side. */
"use strict";
(() => {
  const {apart, bdi, byId, data, element, escape, groupWords, state} = report;
  const firsts = data.alphas.flatMap((alpha, k) => (alpha.length === 1 ? [k] : []));
  let sides = null;

  function views() {
    const list = [
      {
        words: (g) => `every response, ${groupWords(g)}`,
        of: () => data.outputs.map((name, c) => [name, c, state.group]),
      },
    ];
    if (data.own && data.outputs.length > 1)
      list.push({
        words: () => "every response, over its own class",
        of: () =>
          data.outputs.map((name, c) => {
            const own = data.groups[data.own[c]];
            return [name === own ? name : `${apart(name)} over ${apart(own)}`, c, data.own[c]];
          }),
      });
    if (data.groups.length > 1)
      list.push({
        words: () => `every class, response ${apart(data.outputs[state.output])}`,
        of: () => data.groups.map((name, g) => [g ? name : "all", state.output, g]),
      });
    return list;
  }
  const list = views();

  function nameViews() {
    const select = byId("view");
    const old = select.value;
    select.replaceChildren(
      ...list.map((view, k) => element("option", {value: k}, view.words(state.group))),
    );
    select.value = old || (list.length - 1 && data.outputs.length === 1 ? list.length - 1 : 0);
  }

  function compare() {
    const host = byId("sides");
    const shown = list[+byId("view").value].of();
    if (sides) sides.destroy();
    const head = element("tr");
    head.append(element("th", {scope: "col", class: "l"}, data.noun));
    for (const [name] of shown) head.append(element("th", {scope: "col", dir: "auto"}, name));
    const thead = element("thead");
    thead.append(head);
    host.replaceChildren(element("caption", {class: "hidden"}, "First order, side by side"), thead);
    const value = ([, c, g], k) => data.blocks[c][g].score[k];
    const high = d3.max(shown, (s) => d3.max(firsts, (k) => value(s, k))) || 1;
    const best = (k) => d3.max(shown, (s) => value(s, k)) ?? 0;
    sides = new DataTable(host, {
      data: [...firsts].sort((p, q) => best(q) - best(p)),
      columns: [
        {
          data: (k) => data.features[data.alphas[k][0]],
          type: "string",
          className: "l",
          render: (name, type) =>
            type === "display" ? bdi(name) : type === "filter" ? escape(name) : name,
        },
        ...shown.map((s) => ({
          data: (k) => value(s, k),
          render: {
            display: (_v, _t, k) =>
              data.blocks[s[1]][s[2]].text[k].replace(
                / ±.*/,
                (error) => `<span class="wide">${error}</span>`,
              ),
          },
          type: "num",
          orderSequence: ["desc", "asc"],
          createdCell: (td, _text, k) => {
            const part = Math.max(0, value(s, k) ?? 0) / high;
            td.style.backgroundSize = `${100 * part}% 4px`;
          },
        })),
      ],
      order: [],
      paging: false,
      searching: false,
      info: false,
      autoWidth: false,
    });
  }

  Object.assign(report, {compare, firsts, nameViews});
})();

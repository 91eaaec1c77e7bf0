/* The ranked table, by DataTables: it sorts, searches and turns pages. */
"use strict";
(() => {
  const {
    KINDS,
    block,
    byId,
    data,
    element,
    escape,
    falling,
    interval,
    kinds,
    mean,
    names,
    plain,
    swatch,
  } = report;
  // on a narrow page a cell also says what the columns left out would
  const under = (text) => `<small class="under">${escape(text)}</small>`;
  const columns = [
    {
      title: "rank",
      data: "rank",
      type: "num",
      searchable: false,
      render: {display: (rank, _t, row) => rank + (row.interval ? under(row.interval) : "")},
    },
    ...(block().low
      ? [
          {
            title: "68 %",
            data: {_: "interval", sort: "low"},
            type: "num",
            searchable: false,
            className: "wide",
          },
        ]
      : []),
    {
      title: data.symbol === "t" ? "coefficient" : "moved",
      data: "k",
      type: "string",
      className: "l",
      render: (k, type) =>
        type === "display"
          ? swatch(kinds[k]).outerHTML + names(k)
          : type === "filter"
            ? escape(plain(k))
            : plain(k),
    },
    {
      title: `${mean} ± SEM`,
      data: "text",
      type: "num",
      searchable: false,
      orderSequence: ["desc", "asc"],
      render: (text, type, row) =>
        type === "display"
          ? text + under(`signed ${row.mean}`)
          : type === "sort"
            ? row.score
            : text,
    },
    ...(block().error
      ? [
          {
            title: "num. error",
            data: {_: "error", sort: "error"},
            type: "num",
            searchable: false,
            className: "wide",
            render: {
              display: (x) => (x === null ? "unknown" : x.toExponential(1).replace("-", "−")),
            },
          },
        ]
      : []),
    {
      title: "signed mean",
      data: {_: "mean", sort: "signed"},
      type: "num",
      searchable: false,
      className: "wide",
      orderSequence: ["desc", "asc"],
    },
  ];

  function rows() {
    const b = block();
    return falling().map((k) => ({
      k,
      rank: b.rank[k],
      text: b.text[k],
      score: b.score[k],
      mean: b.mean[k].replace("-", "−"),
      signed: +b.mean[k] || 0, // "–": no sign
      ...(b.low ? {interval: interval(b, k), low: b.low[k]} : {}),
      ...(b.error ? {error: b.error[k]} : {}),
    }));
  }

  byId("ranked").tBodies[0].replaceChildren();
  const table = new DataTable("#ranked", {
    columns,
    data: rows(),
    order: [[0, "asc"]],
    pageLength: 25,
    lengthMenu: [10, 25, 100, {label: "all", value: -1}],
    autoWidth: false,
    deferRender: true,
    layout: {
      topStart: {features: ["search"]},
      topEnd: {features: [() => kindChoice()]},
      bottomStart: ["info", "pageLength"],
      bottomEnd: "paging",
    },
    language: {
      search: "Search",
      lengthMenu: "_MENU_ a page",
      info: "_START_ to _END_ of _TOTAL_",
      infoFiltered: "(of _MAX_)",
      infoEmpty: "None",
      zeroRecords: "Nothing found: the search looks at the names of the features",
    },
  });

  function kindChoice() {
    const present = [...new Set(kinds)].sort();
    const span = element("label", {}, "Kind ");
    const select = element("select", {id: "kind", autocomplete: "off"});
    select.append(element("option", {value: ""}, "all"));
    for (const k of present) select.append(element("option", {value: k}, KINDS[k].name));
    select.addEventListener("change", () => {
      const wanted = select.value;
      table.search
        .fixed("kind", wanted === "" ? null : (_text, row) => kinds[row.k] === +wanted)
        .draw();
    });
    span.append(select);
    if (present.length < 2) span.hidden = true;
    return span;
  }

  Object.assign(report, {rows, table});
})();

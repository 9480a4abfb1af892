import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../src/base/bytes.ts";
import { parseMetadata } from "../../../src/gadget/spec/metadata.ts";
import { shown } from "../../support/gadget-problems.ts";

/** Each case is a source and its problems. A first line `name: x` is added: the cases begin on line 2. */
const check = (cases: readonly (readonly [string, ...string[]])[]) => {
  for (const [source, ...expected] of cases) {
    const { problems } = parseMetadata(utf8(`name: x\n${source}`), "gadget.yaml");
    assert.deepEqual(shown(problems, "gadget.yaml"), expected, source);
  }
};

const FILL = "[fill it or remove it]";

const field = (annotation: string) =>
  `datasources: {d: {fields: {f: {annotations: {${annotation}}}}}}\n`;
const datasource = (annotation: string) => `datasources: {d: {annotations: {${annotation}}}}\n`;

test("annotations of the image", () => {
  const annotated = (annotation: string) => `annotations: {${annotation}}\n`;
  check([
    [annotated("com.example.anything: 5, k: v")],
    [annotated("org.opencontainers.image.licenses: MIT")],
    [
      annotated("org.opencontainers.image.licences: MIT"),
      '2:15 warning: "org.opencontainers.image.licences" is no annotation that Inspektor Gadget knows [perhaps "org.opencontainers.image.licenses" is meant]',
    ],
    [
      annotated("org.opencontainers.image.created: '2024'"),
      '2:15 warning: "org.opencontainers.image.created" has no effect: it is the time for which the image is built [set SOURCE_DATE_EPOCH]',
    ],
    [
      annotated("enable-container-datasource: true"),
      '2:15 warning: "enable-container-datasource" is no annotation that Inspektor Gadget knows [perhaps "enable-containers-datasource" is meant]',
    ],
    [
      annotated("enable-containers-datasource: yes"),
      '2:45 error: "enable-containers-datasource" is "yes": it should be true or false [write true]',
    ],
    [
      annotated("version: 1.10"),
      '2:24 warning: "version" is 1.10: without quotes it is read as a number or a time, and printed anew [write "1.10" with its quotes]',
    ],
    [
      annotated("a: {b: c}"),
      '2:18 error: "a" is a mapping: it should be text [write "a.…: value", each on a line of its own]',
    ],
    [annotated("a:"), `2:15 warning: "a" has no value ${FILL}`],
  ]);
});

test("datasources and fields", () => {
  check([
    ["datasources: {d: {annotations: {}, fields: {f: {annotations: {}, tags: [a]}}, tags: [b]}}\n"],
    ["datasources:\n", `2:1 warning: "datasources" has nothing under it ${FILL}`],
    ["datasources: [d]\n", '2:14 error: "datasources" is a list: it should be a mapping'],
    ["datasources:\n  d:\n    fields:\n", `4:5 warning: "fields" has nothing under it ${FILL}`],
    [
      "datasources:\n  d:\n    fields:\n      f:\n",
      `5:7 warning: "f" has nothing under it ${FILL}`,
    ],
    [
      "datasources:\n  d:\n    field: {}\n",
      '4:5 warning: "field" is not a key of a datasource: it knows annotations, fields and tags [perhaps "fields" is meant]',
    ],
    [
      "datasources:\n  d:\n    pid: {}\n",
      '4:5 warning: "pid" is not a key of a datasource: it knows annotations, fields and tags [a field goes under "fields"]',
    ],
    [
      "datasources:\n  d:\n    x.y: 1\n",
      '4:5 warning: "x.y" is not a key of a datasource: it knows annotations, fields and tags [an annotation goes under "annotations"]',
    ],
    [
      "datasources: {d: {fields: {f: {columns.width: 5}}}}\n",
      '2:32 warning: "columns.width" is not a key of a field: it knows annotations and tags [put it under "annotations"]',
    ],
    [
      "datasources: {d: {fields: {f: {annoations: {}}}}}\n",
      '2:32 warning: "annoations" is not a key of a field: it knows annotations and tags [perhaps "annotations" is meant]',
    ],
    [
      "datasources: {d: {fields: {f: text}}}\n",
      '2:31 error: "f" is text: it should be a mapping [write "annotations:" under the field]',
    ],
    [
      "datasources: {d: {tags: x, fields: {f: {tags: [[]]}}}}\n",
      '2:25 error: "tags" is text: it should be a list [write "- " before each item]',
      '2:48 error: an item of "tags" is a list: it should be text',
    ],
    [
      "datasources: {d: {fields: {pid: {}, Pid: {}}}}\n",
      '2:37 warning: "Pid" and "pid" (line 2) are one key to Inspektor Gadget, which does not mind capitals [rename or remove one]',
    ],
    [
      "datasources: {d: {annotations: [a]}}\n",
      '2:32 error: "annotations" is a list: it should be a mapping [write one "key: value" a line]',
    ],
    [datasource("fetch-interval: 1s, fetch-count: '0', description: x, columns.output: none")],
    [
      datasource("fetch-interval: 5"),
      '2:49 error: "fetch-interval" is "5": it should be a duration such as "500ms" or "1m30s" [write "5s" for seconds]',
    ],
    [
      datasource("fetch-count: some"),
      '2:46 error: "fetch-count" is "some": it should be a whole number',
    ],
    [
      datasource("metrics.colect: 'true'"),
      '2:33 warning: "metrics.colect" is no annotation that Inspektor Gadget knows [perhaps "metrics.collect" is meant]',
    ],
    [
      datasource("columns.width: 5"),
      '2:33 warning: "columns.width" has no effect here: it is an annotation of a field, and this is a datasource [move it to a field]',
    ],
    [datasource("cli.supported-output-modes: 'a,b', cli.default-output-mode: b")],
    [
      datasource("cli.supported-output-modes: 'a, b', cli.default-output-mode: b"),
      '2:94 warning: "cli.default-output-mode" is "b": "cli.supported-output-modes" does not list it [list the modes without spaces]',
    ],
    [
      datasource("cli.supported-output-modes: 'a,b', cli.default-output-mode: c"),
      '2:93 warning: "cli.default-output-mode" is "c": "cli.supported-output-modes" does not list it [perhaps "a" or "b" is meant]',
    ],
  ]);
});

test("annotations of fields", () => {
  const unknown = (key: string, known: string) =>
    `2:46 warning: "${key}" is no annotation that Inspektor Gadget knows [perhaps "${known}" is meant]`;
  check(
    [
      [
        "columns.width: 5, columns.maxWidth: 9, columns.minwidth: type, columns.hidden: True, columns.alignment: right",
      ],
      [
        "columns.ellipsis: '', template: pid, metrics.type: counter, com.example.colour: red, columns.colour: red",
      ],
      ["columns.with: 32", unknown("columns.with", "columns.width")],
      ["'columns.width:': 48", unknown("columns.width:", "columns.width")],
      ["column.width: 48", unknown("column.width", "columns.width")],
      ["columns-width: 48", unknown("columns-width", "columns.width")],
      ["columns.allignment: right", unknown("columns.allignment", "columns.alignment")],
      ["descripton: x", unknown("descripton", "description")],
      [
        "fetch-count: 5",
        '2:46 warning: "fetch-count" has no effect here: it is an annotation of a datasource, and this is a field [move it to a datasource]',
      ],
      ["columns.width: wide", '2:61 error: "columns.width" is "wide": it should be a whole number'],
      ["columns.width:", '2:60 error: "columns.width" is "": it should be a whole number'],
      [
        "columns.hidden: yes",
        '2:62 error: "columns.hidden" is "yes": it should be true or false [write true]',
      ],
      [
        'columns.hidden: "True"',
        '2:62 error: "columns.hidden" is "True": it should be true or false [write true]',
      ],
      [
        "columns.alignment: centre",
        '2:65 error: "columns.alignment" is "centre": it should be left or right',
      ],
      [
        "columns.alignment: rigth",
        '2:65 error: "columns.alignment" is "rigth": it should be left or right [perhaps "right" is meant]',
      ],
      [
        "columns.ellipsis: mid",
        '2:64 error: "columns.ellipsis" is "mid": it should be start, middle or end',
      ],
      [
        "metrics.type: Histogram",
        '2:60 warning: "metrics.type" is "Histogram": it has no effect unless it is key, counter, gauge or histogram [perhaps "histogram" is meant]',
      ],
      [
        "template: timestmap",
        '2:56 warning: "template" is "timestmap": it has no effect unless it is one of timestamp, bytes, duration, node, pod, container, namespace, comm, pcomm, containerImageName, containerImageDigest, containerPid, … [perhaps "timestamp" is meant]',
      ],
      ["description:", `2:46 warning: "description" has no value ${FILL}`],
      [
        "columns: {width: 5}",
        '2:55 error: "columns" is a mapping: it should be text [write "columns.…: value", each on a line of its own]',
      ],
    ].map(([source = "", ...expected]) => [field(source), ...expected] as const),
  );
});

test("a problem that aliases lead to several times is reported once", () => {
  check([
    [
      "datasources:\n  d: &d\n    fields: {f: {annotations: {columns.with: 5}}}\n  e: *d\n  g:\n    <<: *d\n",
      '4:32 warning: "columns.with" is no annotation that Inspektor Gadget knows [perhaps "columns.width" is meant]',
    ],
  ]);
});

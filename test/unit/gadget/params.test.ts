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

test("parameters", () => {
  const noKey =
    'error: the parameter has no "key": Inspektor Gadget refuses it [write "key: NAME", the name that users type]';
  check([
    [
      "params: {ebpf: {p: {key: p, defaultValue: '', description: d, alias: a, title: T, type: uint32, tags: [a]}}}\n",
    ],
    [
      "params: {wasm: {p: {key: p, typeHint: bool, isMandatory: true, possibleValues: [a, b], defaultValue: b}}}\n",
    ],
    [
      "params: {custom: {interval: {defaultValue: 0, patch: {operator: {process: {interval: '{{x}}'}}}}}}\n",
    ],
    ["params:\n", `2:1 warning: "params" has nothing under it ${FILL}`],
    [
      "params: {epbf: {}}\n",
      '2:10 warning: "epbf" is not a key of params: Inspektor Gadget reads ebpf, wasm and custom [perhaps "ebpf" is meant]',
    ],
    ["params:\n  ebpf:\n    p: {defaultValue: x}\n", `4:5 ${noKey}`],
    ["params:\n  ebpf:\n    p: {key: ''}\n", `4:9 ${noKey}`],
    ["params:\n  ebpf:\n    p:\n", `4:5 warning: "p" has nothing under it ${FILL}`, `4:5 ${noKey}`],
    [
      "params: {ebpf: {p: {key: p, default: x}}}\n",
      '2:29 warning: "default" is not a key of a parameter',
    ],
    [
      "params: {ebpf: {p: {key: p, defaultvalue: x}}}\n",
      '2:29 warning: "defaultvalue" is found when the gadget runs, where capitals do not matter, but not when it is built [write "defaultValue"]',
    ],
    [
      "params: {ebpf: {p: {key: p, type: integer}}}\n",
      '2:35 warning: "type" is "integer": it has no effect unless it is one of bool, string, bytes, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, …',
    ],
    [
      "params: {ebpf: {p: {key: p, defaultValue: 0x10}}}\n",
      '2:43 warning: "defaultValue" is 0x10: without quotes it is read as a number or a time, and printed anew [write "0x10" with its quotes]',
    ],
    [
      "params: {ebpf: {p: {key: p, isMandatory: 'maybe', tags: a, possibleValues: [x], defaultValue: y}}}\n",
      '2:42 error: "isMandatory" is "maybe": it should be true or false',
      '2:57 error: "tags" is text: it should be a list [write "- " before each item]',
      '2:95 warning: "defaultValue" is "y": "possibleValues" does not list it',
    ],
    [
      "params: {ebpf: {p: {key: p, isMandatory: [], type: {}, defaultValue: []}}}\n",
      '2:42 error: "isMandatory" is a list: it should be true or false',
      '2:52 error: "type" is a mapping: it should be text',
      '2:70 error: "defaultValue" is a list: it should be text',
    ],
    [
      "params: {custom: {p: {description: d}}}\n",
      '2:19 warning: "p" has neither "values" nor "patch": the parameter is left out',
    ],
    [
      "params: {custom: {p: {values: {a: {ptach: {}}}}}}\n",
      '2:36 warning: "ptach" is not a key of a choice [perhaps "patch" is meant]',
    ],
    [
      "params: {custom: {p: {patch: {datasources: {d: {fields: {f: {annotations: {columns.with: 5, columns.width: '{{y}}', columns.hex: maybe}}}}}}}}}\n",
      '2:76 warning: "columns.with" is no annotation that Inspektor Gadget knows [perhaps "columns.width" is meant]',
      '2:130 error: "columns.hex" is "maybe": it should be true or false',
    ],
    ["ebpfParams: {p: {defaultValue: x}}\n"],
    [
      "ebpfParams: {p: {defalutValue: x}}\n",
      '2:18 warning: "defalutValue" is not a key of a parameter [perhaps "defaultValue" is meant]',
    ],
  ]);
});

test("operators, programs and defaults of parameters", () => {
  check([
    [
      "operator: {process: {emitstats: true, interval: 3s, First-Interval: 250ms, count: 2, fields: [pid]}}\n",
    ],
    ["operator: {mine: {x: 1}, constructor: {x: 1}}\n"],
    [
      "operator: {proces: {}}\n",
      '2:12 warning: "proces" is no operator that is known [perhaps "process" is meant]',
    ],
    [
      "operator: {cgroup: {interval: 30, emitstat: true}}\n",
      '2:31 error: "interval" is "30": it should be a duration such as "500ms" or "1m30s" [write "30s" for seconds]',
      '2:35 warning: "emitstat" is not a key of operator "cgroup" [perhaps "emitstats" is meant]',
    ],
    [
      "operator: {ebpf: {emitstats: {}}}\n",
      '2:30 error: "emitstats" is a mapping: it should be text',
    ],
    ["operator: true\n", '2:11 error: "operator" is a boolean: it should be a mapping'],
    [
      "programs: {p: {attach_to: x, perf: {type: software, config: count_sw_cpu_clock, sampleType: sample_raw}, sampler: {frequency: 49}}}\n",
    ],
    [
      "programs: {p: {attachTo: x}}\n",
      '2:16 warning: "attachTo" is not a key of a program: it knows attach_to, perf and sampler [perhaps "attach_to" is meant]',
    ],
    [
      "programs: {p: {perf: {type: hardware}, sampler: {frequency: 0}}}\n",
      '2:29 warning: "type" is "hardware": it has no effect unless it is software',
      '2:61 error: "frequency" is 0: it should be above 0',
    ],
    [
      "programs: {p: {sampler: {frequency: fast}}}\n",
      '2:37 error: "frequency" is "fast": it should be a whole number',
    ],
    ["paramDefaults: {operator.oci.ebpf.map-fetch-interval: '0'}\n"],
    [
      "paramDefaults: {map-fetch-interval: 0}\n",
      '2:17 warning: "map-fetch-interval" is not the full name of a parameter: it has no effect [a full name is "operator.OPERATOR.NAME" or "custom.NAME"]',
    ],
    [
      "paramDefaults: {operator: {oci: 1}}\n",
      '2:27 warning: "operator" is a mapping: it has no effect, a default is text [write the whole name on one line: "operator.….NAME: VALUE"]',
    ],
  ]);
});

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Arch, compileProgram, type EbpfProgram } from "../../../src/gadget/compile/clang.ts";
import { faultOf } from "../../support/fault.ts";
import { testWith } from "../../support/process/needs.ts";
import { run } from "../../support/process/run.ts";
import { tempDir } from "../../support/process/temp.ts";
import { writeTree } from "../../support/trees/tree.ts";

const CLANG = ["clang", "llvm-strip"];
const tools = { commands: {}, environment: process.env };
const TRACE = join(import.meta.dirname, "../../../examples/gadget/trace");

/** A function of its own in every header, so that the name of each one goes into the object. */
const helper = (name: string) =>
  `static __attribute__((noinline)) int ${name}(void *ctx)\n{\n\tstatic const char file[] = __FILE__;\n\tbpf_trace_printk(file, sizeof(file));\n\treturn bpf_ktime_get_ns() & 7;\n}\n`;

const FILES: Readonly<Record<string, string>> = {
  "gadget/src/program.bpf.c": `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "beside.h"
#include "../above.h"
#include <inner.h>
#include <outer.h>
#include <gadget/shared.h>
#include <own.h>
SEC("tracepoint/sched/sched_process_exec")
int on_exec(void *ctx)
{
	return beside(ctx) + above(ctx) + inner(ctx) + outer(ctx) + shared(ctx) + own(ctx);
}
char LICENSE[] SEC("license") = "GPL";
`,
  "gadget/src/beside.h": helper("beside"),
  "gadget/above.h": helper("above"),
  "gadget/include/inner.h": helper("inner"),
  "lib/outer.h": helper("outer"),
  "tree/gadget/shared.h": helper("shared"),
  "tree/gadget/amd64/own.h": helper("own"),
  "tree/gadget/arm64/own.h": helper("own"),
};

/** The program of `FILES` under `at`, for the gadget in its folder `gadget`. */
function programAt(at: string, workDir: string, more: Partial<EbpfProgram> = {}): EbpfProgram {
  return {
    root: join(at, "gadget"),
    source: "src/program.bpf.c",
    arch: "amd64",
    includes: [join(at, "gadget/include"), join(at, "lib")],
    headers: join(at, "tree"),
    tools,
    epoch: 0,
    workDir,
    ...more,
  };
}

/** One C file, alone in a folder. */
function single(
  t: Parameters<typeof tempDir>[0],
  source: string,
  more: Partial<EbpfProgram> = {},
): EbpfProgram {
  const root = tempDir(t);
  writeFileSync(join(root, "program.bpf.c"), source);
  return {
    root,
    source: "program.bpf.c",
    arch: "amd64",
    includes: [],
    tools,
    epoch: 0,
    workDir: tempDir(t),
    ...more,
  };
}

testWith(
  CLANG,
  "objects do not depend on where sources and headers lie, nor on the caller's world",
  async (t) => {
    const top = tempDir(t);
    const near = writeTree(join(top, "a"), FILES);
    const far = writeTree(join(top, "some where/very/deep/b-longer-name"), FILES);
    symlinkSync(far, join(top, "link"));
    const work = [tempDir(t), join(tempDir(t), "another/scratch folder")];
    mkdirSync(work[1]!, { recursive: true });
    const environment = {
      ...process.env,
      ...{
        TZ: "Pacific/Kiritimati",
        LANG: "tr_TR.UTF-8",
        LC_ALL: "de_DE.UTF-8",
        USER: "nobody",
        PWD: far,
        TMPDIR: top,
      },
      ...{
        CPATH: join(near, "lib"),
        C_INCLUDE_PATH: near,
        CCC_OVERRIDE_OPTIONS: "+-DX",
        CFLAGS: "-O0",
        SOURCE_DATE_EPOCH: "7",
      },
    };
    for (const arch of ["amd64", "arm64"] satisfies Arch[]) {
      const first = await compileProgram(programAt(near, work[0]!, { arch }));
      const mask = process.umask(0o077);
      let others: Uint8Array[];
      try {
        const programs = [
          programAt(far, work[1]!, { arch, tools: { commands: {}, environment } }),
          programAt(join(top, "link"), work[0]!, { arch }),
          programAt(near, work[1]!, {
            arch,
            includes: [join(top, "link/../a/gadget/include"), join(near, "lib/.")],
          }),
        ];
        others = [];
        for (const program of programs) others.push((await compileProgram(program)).object);
      } finally {
        process.umask(mask);
      }
      for (const other of others) assert.deepEqual(other, first.object);

      const text = Buffer.from(first.object).toString("latin1");
      for (const path of [top, ...work, process.cwd(), "clang version"])
        assert.ok(!text.includes(path), path);
      const names = [
        "src/program.bpf.c",
        "src/beside.h",
        "src/../above.h",
        "include/inner.h",
        "/include/1/outer.h",
      ];
      for (const name of [...names, "/headers/gadget/shared.h", `/headers/gadget/${arch}/own.h`]) {
        assert.ok(text.includes(name), name);
      }
      assert.equal(first.warnings, "");
    }
  },
);

testWith(CLANG, "a header folder within another one has the outer one's name", async (t) => {
  const objects = [];
  for (const at of ["x", "y/z"]) {
    const top = writeTree(join(tempDir(t), at), FILES);
    const includes = [
      join(top, "lib"),
      join(top, "tree/gadget"),
      join(top, "tree"),
      join(top, "tree"),
      join(top, "gadget/include"),
    ];
    objects.push((await compileProgram(programAt(top, tempDir(t), { includes }))).object);
  }
  assert.deepEqual(objects[0], objects[1]);
  assert.ok(Buffer.from(objects[0]!).includes("/include/0/outer.h"));
});

testWith(CLANG, "one name for a folder, whichever of two the compiler would take", async (t) => {
  const top = writeTree(tempDir(t), { ...FILES, "gadget/src/program.bpf.c": "#error\n" });
  const includes = ["tree/gadget", "tree", "lib", "lib", "gadget/include"].map((at) =>
    join(top, at),
  );
  const { command } = await faultOf("program-failed", () =>
    compileProgram(programAt(top, tempDir(t), { includes })),
  );
  const maps = [...command.matchAll(/-ffile-prefix-map=(\S+)/g)].map(([, map]) => map ?? "");
  const ours = maps.filter((map) => map.startsWith(top));
  assert.deepEqual(ours, [`${top}/tree=/include/1`, `${top}/lib=/include/2`]);
});

testWith(CLANG, "the gadget's folder and its parent may be header folders", async (t) => {
  const objects = [];
  for (const at of ["x", "y/z"]) {
    const top = writeTree(join(tempDir(t), at), FILES);
    const includes = [join(top, "gadget"), top, join(top, "gadget/include"), join(top, "lib")];
    objects.push((await compileProgram(programAt(top, tempDir(t), { includes }))).object);
  }
  assert.deepEqual(objects[0], objects[1]);
});

testWith(
  CLANG,
  "a gadget whose path has a `=` and a space compiles to the same bytes",
  async (t) => {
    const code = '__attribute__((section("x"))) int f(int *ctx)\n{\n\treturn *ctx;\n}\n';
    const program = single(t, code);
    const root = writeTree(join(tempDir(t), "a=b c"), { "program.bpf.c": code });
    const { object } = await compileProgram(program);
    assert.deepEqual((await compileProgram({ ...program, root })).object, object);
    assert.ok(Buffer.from(object).includes("./program.bpf.c"));
  },
);

testWith(CLANG, "both architectures at once; code may differ by architecture", async (t) => {
  const workDir = tempDir(t);
  const program = { root: TRACE, source: "program.bpf.c", includes: [], tools, epoch: 0, workDir };
  const [amd64, arm64] = await Promise.all(
    (["amd64", "arm64"] as const).map((arch) => compileProgram({ ...program, arch })),
  );
  for (const { object, warnings } of [amd64!, arm64!]) {
    assert.equal(warnings, "");
    assert.equal(Buffer.from(object.subarray(0, 4)).toString("latin1"), "\x7fELF");
    assert.equal(object[18], 247); // e_machine: EM_BPF
  }
  assert.notDeepEqual(amd64!.object, arm64!.object);
  assert.deepEqual((await compileProgram({ ...program, arch: "arm64" })).object, arm64!.object);
});

testWith(CLANG, "a name that looks like an option is a name", async (t) => {
  const program = single(t, "int x;\n");
  for (const source of ["-v.c", "@args.c"]) {
    writeFileSync(join(program.root, source), "int x;\n");
    assert.ok((await compileProgram({ ...program, source })).object.length > 0);
  }
});

testWith(CLANG, "warnings are told and do not stop", async (t) => {
  const { object, warnings } = await compileProgram(single(t, "static int unused;\nint x;\n"));
  assert.ok(object.length > 0);
  assert.match(warnings, /^program\.bpf\.c:1:12: warning: unused variable/);
});

testWith(
  [...CLANG, "sh"],
  "an error names command, file and line, and the command can be typed",
  async (t) => {
    const program = single(t, "int x;\nint f(void) { return y; }\n");
    const { status, output, command } = await faultOf("program-failed", () =>
      compileProgram(program),
    );
    assert.equal(status, "exit status 1");
    assert.match(command, / -fno-ident /);
    assert.match(output, /^program\.bpf\.c:2:22: error: use of undeclared identifier 'y'/);
    const typed = await run(["sh", "-c", command]);
    assert.equal(typed.code, 1);
    assert.equal(typed.stderr.trimEnd(), output);
  },
);

for (const [source, hint] of [
  ["#include <bpf/no_such.h>\n", /apt-get install libbpf-dev/],
  ["#include <vmlinux.h>\n", /--headers DIR.*gadget\/amd64\/vmlinux\.h/],
  ["#include <gadget/no_such.h>\n", /--headers DIR/],
  ["#include <asm/no_such.h>\n", /linux-libc-dev/],
  ['#include "mine.h"\n', /mine\.h with -I DIR/],
  ["const char t[] = __DATE__;\n", /every build differ/],
] as const) {
  testWith(CLANG, `hint for ${JSON.stringify(source.trim())}`, async (t) => {
    const facts = await faultOf("program-failed", () => compileProgram(single(t, source)));
    assert.match(facts.hint ?? "", hint);
  });
}

testWith(CLANG, "a folder of headers that is none", async (t) => {
  const top = tempDir(t);
  const [missing, file, odd] = ["no", "file", "a=b"].map((name) => join(top, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(file, "");
  mkdirSync(odd);
  const compile = (more: Partial<EbpfProgram>) => () => compileProgram(single(t, "", more));
  assert.equal((await faultOf("not-found", compile({ includes: [missing] }))).at, `-I ${missing}`);
  assert.equal((await faultOf("not-found", compile({ headers: file }))).at, `--headers ${file}`);
  await faultOf("unsupported", compile({ includes: [odd] }));
});

test("a missing compiler: how to get one, and which ones are there", async (t) => {
  const bin = tempDir(t);
  const missing = (commands: { clang?: string }) =>
    faultOf("program-missing", () =>
      compileProgram(single(t, "", { tools: { commands, environment: { PATH: bin } } })),
    );
  const none = await missing({});
  assert.equal(none.program, "clang");
  assert.match(none.install, /^apt-get install clang.*--clang/);
  writeFileSync(join(bin, "clang-99"), "");
  chmodSync(join(bin, "clang-99"), 0o755);
  assert.match((await missing({})).install, /^clang-99 is there: --clang clang-99;/);
  assert.equal((await missing({ clang: "./my/clang" })).program, "./my/clang");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { text, utf8 } from "../../../src/base/bytes.ts";
import { evaluate, fromOf, neededStages } from "../../../src/dockerfile/evaluate/stage.ts";
import { emptyConfig } from "../../../src/dockerfile/image/config.ts";
import { parseDockerfile } from "../../../src/dockerfile/read.ts";
import { faultOf } from "../../support/fault.ts";
import { AMD64, copiesOf, scopeOf, shown, work } from "../../support/images/container.ts";

const parse = (source: string) => parseDockerfile(utf8(source), "Dockerfile");
const ARM = { architecture: "arm", os: "linux", variant: "v7" };

const STAGES = `FROM scratch AS a
FROM a AS b
RUN no
FROM scratch AS c
COPY --from=A x /
FROM c
COPY --from=0 x /
FROM scratch AS last
COPY --from=3 x /
`;

test("the stages that a target needs, in the order of making", () => {
  const file = parse(STAGES);
  assert.deepEqual(neededStages(file, undefined, scopeOf()), [0, 2, 3, 4]);
  assert.deepEqual(neededStages(file, "C", scopeOf()), [0, 2]);
  assert.deepEqual(neededStages(file, "a", scopeOf()), [0]);
});

test("what cannot be carried out matters in a stage that is needed only", async () => {
  const file = parse(STAGES);
  const { problems } = await faultOf("source", () => neededStages(file, "b", scopeOf()));
  assert.deepEqual(
    problems.map(({ line, level }) => [line, level]),
    [[3, "error"]],
  );
});

test("a target that is not there is told with those that are", async () => {
  const facts = await faultOf("not-found", () => neededStages(parse(STAGES), "lost", scopeOf()));
  assert.deepEqual(facts.near, ["last"]);
  assert.deepEqual([facts.what, facts.at], ["the stage", "lost in Dockerfile"]);
  assert.equal(facts.hint, "its stages are a, b, c, last");
  const none = await faultOf("not-found", () => neededStages(parse("FROM x\n"), "y", scopeOf()));
  assert.equal(none.hint, "its stages have no names; without --target its last one is built");
});

test("which stages are needed may depend on the platform and on arguments", () => {
  const file = parse(
    "ARG KIND=a\nFROM scratch AS a-amd64\nFROM scratch AS a-arm\nFROM scratch AS b-arm\nFROM ${KIND}-${TARGETARCH}\n",
  );
  assert.deepEqual(neededStages(file, undefined, scopeOf()), [0, 3]);
  assert.deepEqual(neededStages(file, undefined, scopeOf({}, ARM)), [1, 3]);
  assert.deepEqual(neededStages(file, undefined, scopeOf({ KIND: "b" }, ARM)), [2, 3]);
});

test("a stage's ONBUILD COPY --from is a need of the stage that is built on it", () => {
  const file = parse(
    "FROM scratch AS files\nFROM scratch AS base\nONBUILD COPY --from=files / /\nFROM base\n",
  );
  assert.deepEqual(neededStages(file, undefined, scopeOf()), [0, 1, 2]);
  assert.deepEqual(neededStages(file, "base", scopeOf()), [1]);
});

test("FROM is scratch, a stage or an image", () => {
  const file = parse(
    "ARG TAG=1\nFROM scratch AS s\nFROM s\nFROM --platform=$BUILDPLATFORM img:$TAG\n  FROM oci:dir:x\n",
  );
  const scope = scopeOf({}, ARM);
  assert.deepEqual(fromOf(file, 0, scope), { kind: "scratch" });
  assert.deepEqual(fromOf(file, 1, scope), { kind: "stage", index: 0 });
  assert.deepEqual(fromOf(file, 2, scope), {
    kind: "image",
    text: "img:1",
    platform: ARM,
    place: "Dockerfile:4:1",
  });
  assert.deepEqual(fromOf(file, 3, scope), {
    kind: "image",
    text: "oci:dir:x",
    place: "Dockerfile:5:3",
  });
});

test("a stage named like the image it begins with is no circle", () => {
  const file = parse("FROM alpine AS alpine\nFROM alpine\n");
  assert.equal(fromOf(file, 0, scopeOf()).kind, "image");
  assert.deepEqual(fromOf(file, 1, scopeOf()), { kind: "stage", index: 0 });
});

test("copies: sources are clean, destinations absolute, the folder's slash stays", () => {
  const worked = work(
    "FROM scratch\nWORKDIR /w\nCOPY /a/ ./b//c ../../d . x\nCOPY a .\nCOPY a ./\nCOPY a ..\nCOPY a b/\nCOPY a /b/../c\nCOPY a /d/.\nCOPY a /\n",
  );
  assert.deepEqual(
    copiesOf(worked).map(({ sources, dest }) => [sources.join(" "), dest]),
    [
      ["a b/c d ", "/w/x"],
      ["a", "/w/"],
      ["a", "/w/"],
      ["a", "/"],
      ["a", "/w/b/"],
      ["a", "/c"],
      ["a", "/d/"],
      ["a", "/"],
    ],
  );
});

test("copies: flags", () => {
  const [plain, all, add, kept] = copiesOf(
    work(
      "FROM scratch AS s\nFROM scratch\nENV U=1 M=u=rw\nCOPY a b\nCOPY --from=s --chown=$U:2 --chmod=$M --exclude=*.md --exclude=$U --parents --link a/./b/ ./x/./y /c/\nADD --link=false a.tar b\n  ADD --unpack=false a.tar b\n",
    ),
  );
  assert.deepEqual(plain, {
    add: false,
    sources: ["a"],
    files: [],
    dest: "/b",
    from: { kind: "context" },
    exclude: [],
    parents: false,
    link: false,
    place: "Dockerfile:4:1",
  });
  assert.deepEqual(all, {
    add: false,
    sources: ["a/./b", "x/./y"],
    files: [],
    dest: "/c/",
    from: { kind: "stage", index: 0 },
    chown: "1:2",
    chmod: "u=rw",
    exclude: ["*.md", "$U"],
    parents: true,
    link: true,
    place: "Dockerfile:5:1",
  });
  assert.equal(add!.add, true);
  assert.deepEqual([kept!.add, kept!.place], [false, "Dockerfile:7:3"]);
});

test("copies: from an image", () => {
  const [copy] = copiesOf(work("FROM scratch\nCOPY --from=docker.io/x/y:1 /a /b\n"));
  assert.deepEqual(copy!.from, { kind: "image", text: "docker.io/x/y:1" });
});

test("copies: here-documents become files, expanded unless the name is quoted", () => {
  const source = `# escape=\`
FROM scratch
ARG A=v
COPY <<one <<-two <<'three' <<-"four" /d/
$A "$A" '$A' \\$A \\n \`
 one
one
	a
		$A
	two
$A
three
	$A
	four
`;
  const [copy] = copiesOf(work(source));
  assert.deepEqual(
    copy!.files.map(({ name, bytes }) => [name, text(bytes)]),
    [
      ["one", "v \"v\" 'v' $A n `\n one\n"],
      ["two", "a\nv\n"],
      ["three", "$A\n"],
      ["four", "$A\n"],
    ],
  );
  assert.deepEqual(copy!.sources, []);
});

test("a here-document keeps its line ends, and ends at a line that has one too", () => {
  const [copy] = copiesOf(work("FROM scratch\r\nCOPY <<E /x\r\na\r\n\r\nE\r\nENV A=1\r\n"));
  assert.equal(text(copy!.files[0]!.bytes), "a\r\n\r\n");
});

test("WORKDIR makes a folder of the user's", () => {
  const { steps } = work("FROM scratch\nWORKDIR /a//b/\nUSER me:us\nWORKDIR ../c\n");
  assert.deepEqual(steps, [
    { kind: "workdir", createdBy: "WORKDIR /a//b/", path: "/a/b" },
    { kind: "empty", createdBy: "USER me:us" },
    { kind: "workdir", createdBy: "WORKDIR /a/c", path: "/a/c", user: "me:us" },
  ]);
});

test("a base image's triggers come first, and are used up", () => {
  const base = { ...emptyConfig(AMD64), onBuild: ["COPY . /app", "ENV A=1 \\\n B=2"] };
  const worked = work("FROM img\nLABEL a=$A$B\n", { base });
  assert.deepEqual(
    worked.steps.map(({ createdBy }) => createdBy),
    ["COPY . /app", "ENV A=1 B=2", "LABEL a=12"],
  );
  assert.deepEqual(worked.config.onBuild, []);
  assert.equal(copiesOf(worked)[0]!.place, "Dockerfile:1:1");
});

test("triggers that cannot be carried out are told at FROM", async () => {
  const problemsOf = async (...onBuild: string[]) => {
    const base = { ...emptyConfig(AMD64), onBuild };
    const facts = await faultOf("source", () =>
      work("FROM scratch AS s\nFROM img\nCOPY --from=s a b\n", { base }),
    );
    return shown(facts.problems);
  };
  assert.deepEqual(await problemsOf("RUN make", "FOO x"), [
    "2:1 error: the base has ONBUILD RUN, which is not carried out: ingot runs no programs, since what they write differs from machine to machine [write FROM an image that has no such trigger]",
    '2:1 error: ONBUILD "FOO x": "FOO" is not an instruction',
  ]);
  assert.deepEqual(await problemsOf("", "CMD a\nCMD b", "ONBUILD CMD x"), [
    '2:1 error: ONBUILD "" of the base should be one instruction',
    '2:1 error: ONBUILD "CMD a\\nCMD b" of the base should be one instruction',
    '2:1 error: ONBUILD "ONBUILD CMD x" of the base should be one instruction',
  ]);
  assert.deepEqual(await problemsOf("COPY --from=0 a b"), [
    "2:1 error: the base has ONBUILD COPY --from=0, which means a stage of this file: it should be an image [write the COPY into this file, and FROM an image without it]",
  ]);
});

test("the platform is the one that is built for; a base for the same processor lends its variant", () => {
  const platformOf = (base: typeof ARM | typeof AMD64, wanted: typeof ARM | typeof AMD64) => {
    const file = parse("FROM img\n");
    const scope = scopeOf({}, wanted);
    return evaluate(file, 0, { base: emptyConfig(base), scope }).config.platform;
  };
  const plain = { architecture: "arm", os: "linux" };
  assert.deepEqual(platformOf(ARM, plain), ARM);
  assert.deepEqual(platformOf(ARM, AMD64), AMD64);
  assert.deepEqual(platformOf(AMD64, ARM), ARM);
});

test("SOURCE_DATE_EPOCH and the stage's name are there for an ARG of their name", () => {
  const source =
    "FROM scratch AS st\nARG SOURCE_DATE_EPOCH=5\nARG TARGETSTAGE\nLABEL e=$SOURCE_DATE_EPOCH s=$TARGETSTAGE\n";
  const labels = (scope: ReturnType<typeof scopeOf>) =>
    Object.fromEntries(work(source, { scope }).config.labels);
  assert.deepEqual(labels(scopeOf()), { e: "5", s: "st" });
  assert.deepEqual(labels({ ...scopeOf(), epoch: 7, target: "x" }), { e: "7", s: "x" });
  assert.deepEqual(labels({ ...scopeOf({ SOURCE_DATE_EPOCH: "9" }), epoch: 7 }), {
    e: "9",
    s: "st",
  });
});

test("the words of history for a health check", () => {
  const { history, config } = work(
    'FROM scratch\nHEALTHCHECK --interval=1m30s --start-interval=1ms --retries=2 CMD ["a", "b c"]\n',
  );
  assert.equal(
    history[0]!.created_by,
    "HEALTHCHECK {Test:[CMD a b c] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:1ms Retries:2}",
  );
  assert.equal(config.healthcheck!.interval, 90_000_000_000);
});

test("evaluating says nothing twice and changes nothing that it was given", () => {
  const file = parse("FROM scratch\nENV A=1\nLABEL b=$A\nVOLUME /v\nONBUILD CMD x\n");
  const base = emptyConfig(AMD64);
  const before = structuredClone(base);
  const once = evaluate(file, 0, { base, scope: scopeOf() });
  assert.deepEqual(base, before);
  assert.deepEqual(evaluate(file, 0, { base, scope: scopeOf() }), once);
});

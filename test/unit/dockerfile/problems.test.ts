import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../src/base/bytes.ts";
import { unusedArgs } from "../../../src/dockerfile/evaluate/stage.ts";
import { DOCKERFILE_LIMIT, parseDockerfile, STAGES_LIMIT } from "../../../src/dockerfile/read.ts";
import { faultOf } from "../../support/fault.ts";
import { scopeOf, shown, work } from "../../support/images/container.ts";

/** Each case is a Dockerfile and the problems that stop it. */
const refused = async (cases: readonly (readonly [string, ...string[]])[]) => {
  for (const [source, ...expected] of cases) {
    const { problems, at } = await faultOf("source", () => work(source));
    assert.equal(at, "Dockerfile");
    assert.deepEqual(shown(problems), expected, source);
  }
};

/** Each case is a Dockerfile that can be built, and what is said of it. */
const warned = (cases: readonly (readonly [string, ...string[]])[]) => {
  for (const [source, ...expected] of cases)
    assert.deepEqual(shown(work(source).problems), expected, source);
};

const RUN =
  "RUN is not carried out: ingot runs no programs, since what they write differs from machine to machine [make the files outside and COPY them, or write FROM an image that another tool made]";

test("RUN says why it is not carried out, and what to do instead", () =>
  refused([
    ["FROM scratch\nRUN make\n", `2:1 error: ${RUN}`],
    ["FROM scratch\n  run --mount=type=cache x \\\n && y\n", `2:3 error: ${RUN}`],
    ["FROM scratch\nRUN <<EOF\nCOPY x\nEOF\nRUN y\n", `2:1 error: ${RUN}`, `5:1 error: ${RUN}`],
    ["FROM scratch AS a\nRUN x\nFROM scratch\nCOPY --from=a / /\n", `2:1 error: ${RUN}`],
    ["FROM scratch AS a\nRUN x\nFROM a\n", `2:1 error: ${RUN}`],
    [
      "FROM scratch AS a\nONBUILD RUN x\nFROM a\n",
      "3:1 error: the base has ONBUILD RUN, which is not carried out: ingot runs no programs, since what they write differs from machine to machine [write FROM an image that has no such trigger]",
    ],
  ]));

test("ADD of what is not in the context", () =>
  refused([
    [
      "FROM scratch\nADD https://example.org/a.tar.gz /\n",
      '2:5 error: ADD of "https://example.org/a.tar.gz" is not carried out: ingot fetches nothing while it builds, since tomorrow something else may be there [fetch the file into the context, check its digest, and COPY it]',
    ],
    [
      "FROM scratch\nADD a git@example.org:x/y.git \\\n  https://example.org/x.git#v1 /\n",
      '2:7 error: ADD of "git@example.org:x/y.git" is not carried out: ingot fetches nothing while it builds, since tomorrow something else may be there [clone the repository into the context, and COPY it]',
      '3:3 error: ADD of "https://example.org/x.git#v1" is not carried out: ingot fetches nothing while it builds, since tomorrow something else may be there [clone the repository into the context, and COPY it]',
    ],
    [
      'FROM scratch\nENV U=https://example.org/a\nCOPY a "$U" /\n',
      '3:8 error: COPY of "$U" is not carried out: ingot fetches nothing while it builds, since tomorrow something else may be there [fetch the file into the context, check its digest, and COPY it]',
    ],
  ]));

test("a secret is not told", async () => {
  const url = "https://$T@h/x";
  const scope = scopeOf({ T: "s3cret", P: "https://me:s3cret@h/x" });
  const not =
    "is not carried out: ingot fetches nothing while it builds, since tomorrow something else may be there [fetch the file into the context, check its digest, and COPY it]";
  const cases: readonly (readonly [string, ...string[]])[] = [
    [`ARG T\nADD ${url} /\n`, `3:5 error: ADD of "${url}" ${not}`],
    ["ARG P\nADD $P /\n", `3:5 error: ADD of "$P" ${not}`],
    ["ADD https://me:s3cret@h/x /\n", `2:5 error: ADD of "https://***@h/x" ${not}`],
  ];
  for (const [source, ...expected] of cases) {
    const { problems } = await faultOf("source", () => work(`FROM scratch\n${source}`, { scope }));
    assert.deepEqual(shown(problems), expected, source);
  }
});

test("all problems of a file are told at once, by line and column", () =>
  refused([
    [
      "FROM scratch\nCOPY --form=x --chown a b\nCOPPY a b\nENV A=1 B\n  EXPOSE\nRUN x\nCOPY a\n",
      '2:6 error: COPY has no flag "--form" [perhaps --from is meant]',
      '2:15 error: --chown has no value [write --chown=VALUE, with no space around the "="]',
      '3:1 error: "COPPY" is not an instruction [perhaps COPY is meant]',
      '4:9 error: "B" has no "=": it should be KEY=VALUE [put a value that has spaces in double quotes: KEY="a b"]',
      "5:3 error: EXPOSE has no words: it should have at least one",
      `6:1 error: ${RUN}`,
      '7:1 error: COPY has just "a": it should have one source at least, and then the destination [write COPY a . to put it into the working directory]',
    ],
    [
      "FROM scratch\nEXPOSE 70000 \nSTOPSIGNAL SIGTREM\nLABEL a=${X:?needed}\nCOPY --chmod=888 a b\nRUN x\nFROM scratch\nCOPY --from=0 a b\nEXPOSE x\n",
      '2:1 error: EXPOSE "70000" is not a port: a port is a number from 0 to 65535, or two with a - between them',
      '3:1 error: STOPSIGNAL "SIGTREM" is not a signal [perhaps SIGTERM or SIGTRAP is meant]',
      '4:1 error: "${X:?needed}" cannot be expanded: X: needed',
      '5:1 error: --chmod is "888": it should be octal, 7777 at most, or symbolic [for example --chmod=755, or --chmod=u=rwX,go=rX]',
      `6:1 error: ${RUN}`,
      '9:1 error: EXPOSE "x" is not a port: a port is a number from 0 to 65535, or two with a - between them',
    ],
  ]));

test("flags", () =>
  refused([
    [
      "FROM scratch\nADD --from=x a b\n",
      '2:5 error: ADD has no flag "--from" [only COPY has --from]',
    ],
    [
      "FROM scratch\nCOPY --zzz a b\n",
      '2:6 error: COPY has no flag "--zzz" [its flags are --from, --chown, --chmod, --link, --parents, --exclude]',
    ],
    [
      "FROM scratch\nCMD --help\n",
      '2:5 error: CMD has no flag "--help" [words that begin with -- come after a lone --, or within a JSON array]',
    ],
    [
      "FROM scratch\nCOPY --link=yes --chown=1 --chown=2 a b\n",
      '2:6 error: --link is "yes": it should be true or false',
      "2:27 error: --chown stands twice: it has one value",
    ],
    [
      "FROM --plattform=x scratch\n",
      '1:6 error: FROM has no flag "--plattform" [perhaps --platform is meant]',
    ],
  ]));

test("FROM and what comes before it", () =>
  refused([
    [
      "",
      "1:1 error: the file has no instructions [begin with FROM scratch, or with FROM and an image]",
    ],
    [
      "ARG A\nENV B=1\n",
      "1:1 error: the file has no FROM [begin with FROM scratch, or with FROM and an image]",
      "2:1 error: an instruction stands before the first FROM: only ARG may",
    ],
    [
      "FROM $BASE\nARG BASE=scratch\n",
      '1:1 error: FROM "$BASE": BASE is not set above the first FROM, so that it names nothing [move ARG BASE above the first FROM]',
    ],
    [
      "ARG BASE=scratch\nFROM ${BSAE}\n",
      '2:1 error: FROM "${BSAE}": BSAE is not set above the first FROM, so that it names nothing [perhaps BASE is meant]',
    ],
    [
      "FROM scratch a\n",
      '1:14 error: FROM "scratch a" should be an image, or an image, AS and a name',
    ],
    [
      "FROM scratch AS 1a\n",
      '1:17 error: "1a" is not a valid stage name [a name begins with a letter; letters, digits, -, _ and . follow]',
    ],
    ...["x", "scratch"].map(
      (image) =>
        [
          `FROM --platform=a/b/c/d ${image}\n`,
          '1:1 error: --platform=a/b/c/d is "a/b/c/d": it should be os/architecture[/variant] [for example --platform=linux/arm64, or $TARGETPLATFORM]',
        ] as const,
    ),
    [
      "FROM scratch\nMAINTAINER\n",
      "2:1 error: MAINTAINER has no words: it should have at least one",
    ],
  ]));

test("COPY --from", () =>
  refused([
    [
      "FROM scratch AS a\nCOPY --from=a x y\n",
      "2:1 error: COPY --from=a: a stage cannot copy from itself",
    ],
    [
      "FROM scratch AS a\nCOPY --from=b x y\nFROM a AS b\n",
      "2:1 error: COPY --from=b: the stage is defined below, on line 3 [move it above the stage that copies from it]",
    ],
    [
      "FROM scratch\nCOPY --from=1 x y\n",
      "2:1 error: COPY --from=1: there is no stage 1: the file has 1, counted from 0",
    ],
    [
      "FROM scratch\nCOPY --from=$X x y\n",
      "2:1 error: COPY --from=$X: variables, quotes and escapes are not expanded here [write FROM $X AS a-name in a stage above, and --from=a-name]",
    ],
  ]));

test("here-documents and the file's form", () =>
  refused([
    [
      "FROM scratch\nCOPY <<EOF /x\nhi\n EOF\n",
      '2:1 error: the here-document "EOF" does not end: a line that says just "EOF" should end it',
    ],
    [
      "FROM scratch\nCOPY << EOF /x\nhi\nEOF\n",
      "2:1 error: COPY has a here-document whose name is not one word with its << [write <<NAME or <<'NAME' with no space in it]",
    ],
    [
      "FROM scratch\nCOPY <<'a b' /x\nhi\na b\n",
      "2:1 error: COPY has a here-document whose name is not one word with its << [write <<NAME or <<'NAME' with no space in it]",
    ],
    [
      "FROM scratch\nCOPY <<a/b /x\nhi\na/b\n",
      '2:6 error: the here-document\'s name "a/b" is not a file name: it names the file that is made',
    ],
    ["# escape=/\nFROM scratch\n", '1:1 error: the escape is "/": it should be \\ or `'],
    [
      "FROM scratch\nCOPY\u00a0a b\n",
      '2:1 error: "COPY\u00a0a" is not an instruction [U+00A0 in it is not a plain space: write one in its place]',
    ],
    [
      "FROM scratch\nHEALTHCHECK --interval=5 --retries=x CMD y\n",
      '2:1 error: --interval is "5": it should be a time such as 30s, 1ms or more [write 5s for seconds]',
      '2:1 error: --retries is "x": it should be a whole number, 0 or more',
    ],
    [
      "FROM scratch\nONBUILD COPY a\n",
      '2:9 error: COPY has just "a": it should have one source at least, and then the destination [write COPY a . to put it into the working directory]',
    ],
  ]));

test("what is built, but likely not as it is meant", () =>
  warned([
    ["FROM scratch\nENV A=1\nLABEL a=$A b=${B:-x} c=${C-}\n"],
    [
      "ARG V=1\nFROM scratch\nLABEL v=$V\n",
      "3:1 warning: V is not set here: it is taken as nothing [write ARG V in this stage: without it only FROM sees the value]",
    ],
    [
      "FROM scratch\nLABEL v=$V w=$VERSOIN\nARG V=1 VERSION=2\n",
      "2:1 warning: V is not set here: it is taken as nothing [it is set below only, on line 3]",
      "2:1 warning: VERSOIN is not set here: it is taken as nothing",
    ],
    [
      "FROM scratch\nCOPY bin-$TARGETARCH /bin\n",
      "2:6 warning: TARGETARCH is not set here: it is taken as nothing [write ARG TARGETARCH in this stage: without it only FROM sees the value]",
    ],
    ["FROM scratch\nENV LIBS=/a:$LIBS\n"],
    [
      "FROM scratch AS a\nFROM scratch AS a\n",
      '2:1 warning: the stage "a" is defined already, on line 1: from here on the name means this one',
    ],
    [
      "FROM scratch\nCMD a\nCMD ['b']\n",
      "3:5 warning: CMD looks like a JSON array, but is not one: its text is used as it is [JSON has double quotes around each string, no comma behind the last, and \\\\ for \\]",
      "2:1 warning: CMD has no effect: the one on line 3 takes its place",
    ],
    ["FROM scratch\nCMD [ -f /x ] && y\n"],
    [
      "FROM scratch\nCOPY ../a b /c\n",
      '2:1 warning: COPY has several sources and the destination "/c": it is taken as a folder [write /c/]',
      '2:6 warning: "../a" leads out of the context: it is taken as "a"',
    ],
    [
      "FROM scratch\nEXPOSE 8080:80\n",
      '2:1 warning: EXPOSE "8080:80" is taken as 80/tcp [which port of the host it gets is said when it is run: docker run -p]',
    ],
    [
      "# syntax=example.org/other:1\nFROM scratch\nMAINTAINER me\n",
      '1:1 warning: the file asks for the frontend "example.org/other:1": ingot reads it as docker/dockerfile does',
      "3:1 warning: MAINTAINER is out of date: few tools show it [write LABEL org.opencontainers.image.authors=…]",
    ],
  ]));

test("names that are taken as images though a stage is near", () => {
  const file = (source: string) => shown(parseDockerfile(utf8(source), "Dockerfile").problems);
  assert.deepEqual(file("FROM later\nFROM scratch AS later\n"), [
    "1:1 warning: FROM later is taken as an image: the stage of that name is defined below, on line 2 [a stage can begin with stages above it only: move that one up]",
  ]);
  assert.deepEqual(file("FROM alpine AS alpine\nFROM alpine\n"), []);
  assert.deepEqual(file("FROM scratch AS Base\nFROM Base\n"), [
    "2:1 warning: FROM Base is taken as an image: names of stages are lower case here [write FROM base]",
  ]);
  assert.deepEqual(
    shown(work("FROM scratch AS build\nFROM scratch\nCOPY --from=biuld a b\n").problems),
    [
      "3:1 warning: COPY --from=biuld is taken as an image: no stage has the name [perhaps build is meant]",
    ],
  );
});

test("a --build-arg that nothing takes", () => {
  const file = parseDockerfile(utf8("ARG A\nFROM scratch\nARG VERSION\n"), "Dockerfile");
  const args = { A: "1", VERSION: "2", TARGETARCH: "x", HTTPS_PROXY: "p", SOURCE_DATE_EPOCH: "0" };
  assert.deepEqual(unusedArgs(file, scopeOf(args)), []);
  assert.deepEqual(shown(unusedArgs(file, scopeOf({ VERSOIN: "1", XYZ: "" }))), [
    "1:1 warning: --build-arg VERSOIN has no effect: no ARG of the file declares it [perhaps VERSION is meant]",
    "1:1 warning: --build-arg XYZ has no effect: no ARG of the file declares it [write ARG XYZ in the stage that uses it]",
  ]);
});

test("a file that is no text is refused by its place, one that is too large by its size", async () => {
  const at = async (bytes: Uint8Array) =>
    shown((await faultOf("source", () => parseDockerfile(bytes, "Dockerfile"))).problems);
  assert.deepEqual(await at(new Uint8Array([...utf8("FROM a\nENV é="), 0xff])), [
    "2:7 error: a byte stands here that is not UTF-8: it should be UTF-8 [save the file as UTF-8]",
  ]);
  assert.deepEqual(await at(new Uint8Array([0xff, 0xfe, 0x46, 0])), [
    "1:1 error: the file is in UTF-16: it should be UTF-8 [save the file as UTF-8]",
  ]);
  const large = new Uint8Array(DOCKERFILE_LIMIT + 1);
  const facts = await faultOf("too-large", () => parseDockerfile(large, "Dockerfile"));
  assert.equal(facts.actual, DOCKERFILE_LIMIT + 1);
});

test("so many stages are read, and no more", async () => {
  const file = (count: number) => utf8("FROM scratch\n".repeat(count));
  assert.equal(parseDockerfile(file(STAGES_LIMIT), "Dockerfile").stages.length, STAGES_LIMIT);
  const facts = await faultOf("too-large", () =>
    parseDockerfile(file(STAGES_LIMIT + 1), "Dockerfile"),
  );
  assert.deepEqual([facts.limit, facts.unit], [STAGES_LIMIT, "stages"]);
});

test("what would steer a terminal is told as an escape", async () => {
  const { problems } = await faultOf("source", () => work("FROM scratch\n\u001b[31m\u202e x\n"));
  assert.equal(problems[0]!.message, '"\\u001b[31m\\u202e" is not an instruction');
});

/** Streams that end, completion in shells, signals. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parseQuery } from "../../../src/oci/reference.ts";
import { offers, shells } from "../../support/clients/shells.ts";
import { writeLayout } from "../../support/images/image-layout.ts";
import { command, plainEnvironment } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { run } from "../../support/process/run.ts";
import { ask, COMMANDS, HELLO, place, STORELESS, say, stocked } from "../../support/process/say.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";

describe("the streams", () => {
  test("a large answer arrives whole", async (t) => {
    const { dir } = place(t);
    const layout = join(dir, "many");
    const images = Array.from({ length: 3000 }, (_, i) => ({
      reference: `docker.io/a/b:${i}`,
      layers: ["x"],
    }));
    writeLayout(layout, images);
    const { code, document } = await ask(["list", "--store", layout]);
    assert.deepEqual([code, document.images.length], [0, 3000]);
  });

  testWith(["sh", "head"], "a reader that leaves", async (t) => {
    const { dir } = place(t, [new Uint8Array(4 << 20)]);
    const words = await command();
    const env = plainEnvironment();
    const sh = (script: string) => run(["sh", "-c", script, "sh", ...words], { cwd: dir, env });
    const text = await sh('{ "$@" --help; echo "$?" >&2; } | head -n 1');
    assert.deepEqual([text.stdout.toString().split("\n").length, text.stderr], [2, "0\n"]);
    const archive = await sh('{ "$@" export layout -o -; echo "$?" >&2; } | head -c 1 >/dev/null');
    assert.match(archive.stderr, /error: cannot write to standard output: the reader has closed/);
    assert.match(archive.stderr, /\n2\n$/);
  });

  testWith(["sh"], "an answer that cannot be written is 2", async (t) => {
    const { dir, store } = await stocked(t);
    const words = await command();
    const script = '"$@" >/dev/full';
    const argv = ["sh", "-c", script, "sh", ...words, "list", "--store", store];
    const { code, stderr } = await run(argv, { cwd: dir, env: plainEnvironment() });
    assert.equal(code, 2);
    assert.match(stderr, /ENOSPC/);
  });

  test("a foreign name cannot command the terminal", async (t) => {
    const { dir } = place(t);
    const layout = join(dir, "odd");
    writeLayout(layout, [{ reference: "a\u001b[2Jb", layers: ["x"] }]);
    const { out } = await say(["list", "--store", layout]);
    assert.match(out, /a\\u001b\[2Jb/);
    assert.ok(!out.includes("\u001b"));
  });
});

describe("completion", () => {
  /** A layout with images of these names. */
  function named(folder: string, references: readonly string[]): string {
    writeLayout(
      folder,
      references.map((reference) => ({ reference, layers: ["x"] })),
    );
    return folder;
  }

  for (const shell of shells) {
    const completes = (what: string, body: (t: Ends) => Promise<void>) =>
      testWith([shell], `${shell} completes ${what}`, tidily(body));

    completes("commands, flags and words", (t) =>
      offers(t, shell, {
        "ingot ex": ["export"],
        "ingot --store list li": ["list"],
        "ingot --vers": ["--version"],
        "ingot --st": ["--store"],
        "ingot list --st": ["--store"],
        "ingot login --st": [],
        "ingot completion --st": [],
        "ingot verify --can": ["--canonical"],
        "ingot --json build --so": ["--source-date-epoch"],
        "ingot build --store list --tim": ["--timestamps"],
        "ingot completion ": ["bash", "fish", "zsh"],
        "ingot build . --compression ": ["gzip", "none"],
        "ingot build --compression=n": ["--compression=none"],
        "ingot build --timestamps ": ["clamp", "keep", "set"],
        "ingot build --modes k": ["keep"],
        "ingot build --modes keep --comp": ["--compression"],
      }),
    );

    completes("names of images, also short ones", async (t) => {
      const all = [
        "app:v1",
        "docker.io/library/app:v1",
        "docker.io/me.org/x:v1",
        "docker.io/me/web:v1",
        "ghcr.io/inspektor-gadget/gadget/trace:v2",
        "ghcr.io/you/tool:latest",
        "me/web:v1",
        "quay.io/a/b:v1",
        "trace:v2",
        "you/tool:latest",
      ];
      const complete = all.filter((name) => /^[a-z]+\.io/.test(name));
      for (const word of all)
        assert.ok(
          parseQuery(word).references.some((name) => complete.includes(name)),
          word,
        );
      const odd = ["$(touch<broken)", "a;touch broken", "(no name)"];
      const cases = {
        "ingot inspect ": all,
        "ingot verify a --layers ": all,
        "ingot inspect ap": ["app:v1"],
        "ingot inspect app:": ["app:v1"],
        "ingot remove app:v": ["app:v1"],
        "ingot remove docker.io/library/app:": ["docker.io/library/app:v1"],
        "ingot build -t ": [],
        "ingot export --output ": [],
        "ingot prune ": [],
      };
      const store = named(join(tempDir(t), "store"), [...complete, ...odd]);
      await offers(t, shell, cases, { INGOT_STORE: store });
    });

    completes("names in the store that was typed", async (t) => {
      const home = tempDir(t);
      const other = named(join(home, "other"), ["quay.io/a/b:v1"]);
      const name = "quay.io/the/one:v1";
      const store = named(join(home, "a store"), [name]);
      const cases = {
        [`ingot --store '${store}' inspect `]: [name],
        [`ingot inspect --store '${store}' `]: [name],
        [`ingot inspect --store ${store.replace(" ", "\\ ")} quay`]: [name],
        [`ingot inspect --store='${store}' quay.io/the/one:`]: [name],
        "ingot inspect --store ~/a\\ store ": [name],
        "ingot inspect ": ["quay.io/a/b:v1"],
      };
      await offers(t, shell, cases, { HOME: home, INGOT_STORE: other });
    });
  }

  for (const shell of shells) {
    testWith([shell], `${shell} accepts its script`, async (t) => {
      const file = join(tempDir(t), "script");
      writeFileSync(file, (await say(["completion", shell])).out);
      const { code, stderr } = await run([shell, "-n", file]);
      assert.deepEqual([code, stderr], [0, ""]);
    });
  }

  test("names every command and flag, in every shell", async () => {
    for (const shell of shells) {
      const { out } = await say(["completion", shell]);
      for (const word of [...COMMANDS, "source-date-epoch", "llvm-strip", "canonical"]) {
        assert.ok(out.includes(word), `${shell}: ${word}`);
      }
    }
  });

  test("of another shell", async () => {
    const { code, err } = await say(["completion", "csh"]);
    assert.equal(code, 2);
    assert.match(err, /the argument SHELL is "csh", should be bash, zsh or fish/);
  });
});

describe("a command that has no store", () => {
  for (const name of STORELESS) {
    test(`${name} takes no --store`, async () => {
      for (const words of [
        [name, "x", "--store", "y"],
        [name, "x", "--store=y"],
        ["--store", "y", name, "x"],
      ]) {
        const { code, out, err } = await say(words);
        assert.deepEqual([code, out], [2, ""], words.join(" "));
        assert.match(err, /there is no flag "--store"\nhint: see: ingot [a-z-]+ --help\n/);
      }
    });
  }
});

describe("a signal", () => {
  testWith(["mkfifo"], "ends what waits for somebody to open a named pipe", async (t) => {
    const pipe = join(tempDir(t), "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const line of [
      ["verify", pipe],
      ["import", pipe, "--store", `${pipe}-store`],
    ]) {
      const [program = "", ...words] = [...(await command()), ...line];
      const env = { ...process.env, ...plainEnvironment() };
      const child = spawn(program, words, { env, stdio: "ignore" });
      const ended = once(child, "exit");
      // It is in the middle of the call that opens the pipe, for which there is no other sign; where a system keeps it back, it says 0.
      const where = () => readFileSync(`/proc/${child.pid}/wchan`, "utf8");
      const waits = () => /^wait_for_partner|^fifo_open/.test(where());
      for (let waited = 0; waited < 10_000 && !waits(); waited += 50)
        await new Promise((next) => setTimeout(next, 50));
      assert.ok(waits() || where() === "0", where());
      child.kill("SIGTERM");
      const last = setTimeout(() => child.kill("SIGKILL"), 10_000);
      const [code, signal] = await ended;
      clearTimeout(last);
      assert.ok(code === 143 || signal === "SIGTERM", `${code} ${signal}`);
    }
  });

  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
    ["SIGHUP", 1],
  ] as const) {
    test(`${signal} during an import from a pipe leaves nothing half-written`, async (t) => {
      const { dir, archive, store } = await stocked(t);
      const fresh = join(dir, "fresh");
      const [program = "", ...words] = [...(await command()), "import", "-", "--store", fresh];
      const env = { ...process.env, ...plainEnvironment() };
      const child = spawn(program, words, { env, stdio: ["pipe", "ignore", "ignore"] });
      child.stdin.on("error", () => {});
      child.stdin.write(readFileSync(archive).subarray(0, 2048));
      const work = join(fresh, ".ingot/work");
      while (!existsSync(work) || readdirSync(work).length === 0) {
        await new Promise((next) => setTimeout(next, 10));
      }
      child.kill(signal);
      // Deno's node:child_process tells of an exit code 130 as of the signal SIGINT.
      const [code, ended] = await once(child, "exit");
      assert.equal(code ?? 128 + constants.signals[ended as NodeJS.Signals], 128 + number);
      assert.deepEqual(readdirSync(work), []);
      assert.equal((await ask(["list", "--store", fresh])).document.images.length, 0);
      assert.equal((await say(["verify", HELLO, "--store", store])).code, 0);
    });
  }
});

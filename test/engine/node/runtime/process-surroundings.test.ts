import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ProcessFixture, POD_UID, shell } from "./process-fixture.ts";

let fixture: ProcessFixture;
beforeEach(async () => {
  fixture = await ProcessFixture.make();
});
afterEach(() => fixture.close());

const mount = (hostPath: string, containerPath: string) => ({
  hostPath,
  containerPath,
  readOnly: false,
});
async function volume(files: Readonly<Record<string, string>>, name = "volume"): Promise<string> {
  const directory = join(fixture.directory, name);
  await mkdir(directory);
  for (const [path, text] of Object.entries(files))
    await writeFile(join(directory, path), text, { mode: 0o755 });
  return directory;
}
const rootOf = (name: string): string =>
  join(fixture.directory, "pods", POD_UID, "containers", name, "root");

describe("environment", () => {
  it("has the container's variables and little else, nothing of the operator's", async () => {
    process.env["OPERATOR_TOKEN"] = "very secret";
    try {
      const output = await fixture.outputOf({
        command: ["env"],
        env: new Map([["COLOUR", "blue"]]),
      });
      const names = output
        .trim()
        .split("\n")
        .map((line) => line.split("=")[0]);
      expect(output).toContain("COLOUR=blue\n");
      expect(output).not.toContain("very secret");
      const allowed = ["COLOUR", "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "PWD"];
      // What shells add for themselves.
      expect(
        names.filter((name) => ![...allowed, "SHLVL", "_", "OLDPWD"].includes(name ?? "")),
      ).toEqual([]);
    } finally {
      delete process.env["OPERATOR_TOKEN"];
    }
  });

  it("keeps HOME and TMPDIR inside the pod, unless the container sets them", async () => {
    const output = await fixture.outputOf({
      command: shell('echo "$HOME"; cd "$TMPDIR" && pwd -P'),
    });
    expect(output).toBe(`${rootOf("web")}\n${rootOf("web")}/tmp\n`);
    const own = { command: shell('echo "$HOME"'), env: new Map([["HOME", "/elsewhere"]]) };
    expect(await fixture.outputOf({ ...own, name: "own" })).toBe("/elsewhere\n");
  });

  it("keeps variables whose names no shell would", async () => {
    const env = new Map([
      ["db.password", "pass word"],
      ["page.json", '{\n"a": 1 }'],
      ["with-dash", ""],
    ]);
    const command = [
      "node",
      "-p",
      'JSON.stringify([process.env["db.password"], process.env["page.json"], process.env["with-dash"]])',
    ];
    expect(JSON.parse(await fixture.outputOf({ command, env }))).toEqual([
      "pass word",
      '{\n"a": 1 }',
      "",
    ]);
  });

  it("passes values and arguments unharmed, whatever is in them", async () => {
    const nasty = `'"$HOME" \`id\` \\ \n * ;`;
    const command = ["node", "-p", "JSON.stringify([process.env.NASTY, process.argv[1]])", nasty];
    const output = await fixture.outputOf({ command, env: new Map([["NASTY", nasty]]) });
    expect(JSON.parse(output)).toEqual([nasty, nasty]);
  });
});

describe("files", () => {
  it("lie below the working directory's root, at their mount paths", async () => {
    const config = await volume({ "app.conf": "configured" });
    const output = await fixture.outputOf({
      workingDir: "/srv",
      mounts: [mount(config, "/srv/config"), mount(config, "/etc/web")],
      command: shell("pwd; cat config/app.conf ../etc/web/app.conf"),
    });
    expect(output).toBe(`${rootOf("web")}/srv\nconfiguredconfigured`);
  });

  it("are found by absolute paths in arguments, flags and variables", async () => {
    const config = await volume({ "app.conf": "configured" });
    const output = await fixture.outputOf({
      mounts: [mount(config, "/etc/web")],
      env: new Map([["CONFIG", "/etc/web/app.conf"]]),
      command: [
        "sh",
        "-c",
        'cat "$1" "$CONFIG"; echo " $2 $3"',
        "sh",
        "/etc/web/app.conf",
        "--dir=/etc/web",
        "/etc/webbed",
      ],
    });
    expect(output).toBe(`configuredconfigured --dir=${rootOf("web")}/etc/web /etc/webbed\n`);
  });

  it("are fresh for every start, volumes excepted", async () => {
    const data = await volume({});
    const command = shell("ls; ls data; touch left data/kept");
    const mounts = [mount(data, "/data")];
    await fixture.outputOf({ command, mounts });
    expect(await fixture.outputOf({ command, mounts, attempt: 1 })).toBe("data\ntmp\nkept\n");
  });

  it("of a volume inside a volume are found there", async () => {
    const [outer, inner] = [await volume({ a: "outer" }), await volume({ b: "inner" }, "inner")];
    const mounts = [mount(inner, "/data/cache"), mount(outer, "/data")];
    const command = shell("cat data/a data/cache/b");
    expect(await fixture.outputOf({ command, mounts })).toBe("outerinner");
    expect(await fixture.outputOf({ command, mounts, attempt: 1 })).toBe("outerinner");
  });

  it("that somebody has where a mount should go are never removed", async () => {
    const outer = await volume({ cache: "precious" });
    const inner = await volume({}, "inner");
    const mounts = [mount(outer, "/data"), mount(inner, "/data/cache")];
    await expect(fixture.start({ mounts })).rejects.toThrow(/cannot mount on \/data\/cache/);
    expect(await readFile(join(outer, "cache"), "utf8")).toBe("precious");
  });

  it("cannot be mounted over everything", async () => {
    const mounts = [mount(await volume({}), "/")];
    await expect(fixture.start({ mounts })).rejects.toThrow(/cannot be mounted on \//);
  });

  it("outside the root are not reached by a working directory with ..", async () => {
    const output = await fixture.outputOf({ workingDir: "/../../up", command: ["pwd"] });
    expect(output).toBe(`${rootOf("web")}/up\n`);
  });
});

describe("programs", () => {
  it("come from a mount when they are there, else from the machine", async () => {
    const app = await volume({ run: "#!/bin/sh\necho from the mount\n" });
    const mounts = [mount(app, "/app")];
    expect(await fixture.outputOf({ command: ["/app/run"], mounts })).toBe("from the mount\n");
    const relative = { command: ["./run"], mounts, workingDir: "/app", attempt: 1 };
    expect(await fixture.outputOf(relative)).toBe("from the mount\n");
    const byPath = { command: ["run"], mounts, env: new Map([["PATH", "/nowhere:/app"]]) };
    expect(await fixture.outputOf({ ...byPath, attempt: 2 })).toBe("from the mount\n");
    expect(await fixture.outputOf({ command: ["/bin/echo", "hi"], attempt: 3 })).toBe("hi\n");
  });

  it.each([
    [[], /names no command.*set command/],
    [["no-such-program"], /no executable program "no-such-program" in the PATH/],
    [["/no/such/program"], /no executable program "\/no\/such\/program": .* install it/],
    [["/etc/passwd"], /no executable program/],
    [["/tmp"], /no executable program/],
  ])("that cannot be run are refused with what to do: %j", async (command, message) => {
    const starting = fixture.start({ command });
    await expect(starting).rejects.toThrow(message);
    await expect(starting).rejects.toHaveProperty("reason", "CreateContainerError");
  });

  it("find node even where the PATH does not lead to it", async () => {
    const bin = await volume({}, "bin");
    await symlink("/bin/sh", join(bin, "sh"));
    const before = process.env["PATH"];
    process.env["PATH"] = bin;
    try {
      expect(await fixture.outputOf({ command: ["node", "-p", "1 + 1"] })).toBe("2\n");
    } finally {
      process.env["PATH"] = before;
    }
  });
});

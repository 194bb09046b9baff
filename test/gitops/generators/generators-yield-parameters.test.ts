import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { generate, type GeneratorInputs } from "../../../src/gitops/generators/generate.ts";
import { gitParameters } from "../../../src/gitops/generators/git-parameters.ts";
import { GeneratorError } from "../../../src/gitops/generators/parameters.ts";
import { fetchPullRequests } from "../../../src/gitops/generators/pull-request-list.ts";
import { pullRequestParameters } from "../../../src/gitops/generators/pull-requests.ts";
import type { Json } from "../../../src/kube/object.ts";
import { memoryTree } from "../memory-tree.ts";

const tree = memoryTree({
  "apps/web/deployment.yaml": "",
  "apps/api/deployment.yaml": "",
  "apps/old/deployment.yaml": "",
  "apps/web/base/x.yaml": "",
  "clusters/a/config.json": '{"cluster": {"name": "a", "replicas": 2}}',
  "clusters/b/config.json": '[{"cluster": {"name": "b1"}}, {"cluster": {"name": "b2"}}]',
  ".hidden/apps/x/y.yaml": "",
});
const inputs: GeneratorInputs = {
  git: (generator) => gitParameters(tree, generator),
  pullRequests: () => Promise.resolve([]),
};
const repoURL = "https://example.com/repo.git";

describe("the list generator", () => {
  it("yields its elements", async () => {
    const elements = [{ name: "a" }, { name: "b", nested: { x: 1 } }];
    expect(await generate([{ list: { elements } }], inputs)).toEqual(elements);
  });

  it("keeps what its selector matches", async () => {
    const elements = [
      { name: "a", env: { tier: "prod" } },
      { name: "b", env: { tier: "dev" } },
    ];
    const selector = { matchLabels: { "env.tier": "prod" } };
    expect(await generate([{ list: { elements }, selector }], inputs)).toEqual([elements[0]]);
  });
});

describe("the Git generator", () => {
  it("yields a set for each directory", async () => {
    const git = {
      repoURL,
      directories: [{ path: "apps/*" }, { path: "apps/old", exclude: true }],
      values: { team: "{{path.basename}}-team" },
    };
    expect(await generate([{ git }], inputs)).toEqual([
      {
        path: expect.objectContaining({ path: "apps/api", basename: "api" }) as unknown,
        values: { team: "api-team" },
      },
      {
        path: {
          path: "apps/web",
          basename: "web",
          basenameNormalized: "web",
          segments: ["apps", "web"],
          "0": "apps",
          "1": "web",
        },
        values: { team: "web-team" },
      },
    ]);
  });

  it("takes ** for any depth, and passes hidden directories over", async () => {
    const git = { repoURL, directories: [{ path: "**" }] };
    const found = await generate([{ git }], inputs);
    expect(found.map(({ path }) => (path as { path: string }).path)).toEqual([
      "apps",
      "apps/api",
      "apps/old",
      "apps/web",
      "apps/web/base",
      "clusters",
      "clusters/a",
      "clusters/b",
    ]);
  });

  it("yields what files say, a list as several sets", async () => {
    const git = { repoURL, files: [{ path: "clusters/**/config.json" }] };
    const found = await generate([{ git }], inputs);
    expect(found.map(({ cluster }) => (cluster as { name: string }).name)).toEqual([
      "a",
      "b1",
      "b2",
    ]);
    expect(found[0]?.["path"]).toMatchObject({ path: "clusters/a", filename: "config.json" });
  });

  it("names the file that is no list of parameters", async () => {
    const broken = memoryTree({ "a/config.yaml": "just text" });
    await expect(gitParameters(broken, { repoURL, files: [{ path: "a/*" }] })).rejects.toThrow(
      /a\/config.yaml: parameters are an object/,
    );
    const invalid = memoryTree({ "a/config.yaml": "a: [1" });
    await expect(gitParameters(invalid, { repoURL, files: [{ path: "a/*" }] })).rejects.toThrow(
      GeneratorError,
    );
  });
});

describe("matrix and merge", () => {
  it("combine everything with everything, later generators seeing earlier parameters", async () => {
    const found = await generate(
      [
        {
          matrix: {
            generators: [
              { list: { elements: [{ dir: "a" }, { dir: "b" }] } },
              { git: { repoURL, files: [{ path: "clusters/{{dir}}/config.json" }] } },
            ],
          },
        },
      ],
      inputs,
    );
    expect(found.map((set) => [set["dir"], (set["cluster"] as { name: string }).name])).toEqual([
      ["a", "a"],
      ["b", "b1"],
      ["b", "b2"],
    ]);
  });

  it("refuse a matrix whose generators disagree", async () => {
    const generators = [
      { list: { elements: [{ name: "a" }] } },
      { list: { elements: [{ name: "b" }] } },
    ];
    await expect(generate([{ matrix: { generators } }], inputs)).rejects.toThrow(
      /disagree about name: a and b/,
    );
  });

  it("refuse a matrix that explodes", async () => {
    const elements = Array.from({ length: 200 }, () => ({}));
    const generators = Array.from({ length: 5 }, () => ({ list: { elements } }));
    await expect(generate([{ matrix: { generators } }], inputs)).rejects.toThrow(/more than 20000/);
  });

  it("merge by key", async () => {
    const found = await generate(
      [
        {
          merge: {
            mergeKeys: ["name"],
            generators: [
              {
                list: {
                  elements: [
                    { name: "a", n: 1 },
                    { name: "b", n: 1 },
                  ],
                },
              },
              {
                list: {
                  elements: [
                    { name: "b", n: 2 },
                    { name: "c", n: 3 },
                  ],
                },
              },
            ],
          },
        },
      ],
      inputs,
    );
    expect(found).toEqual([
      { name: "a", n: 1 },
      { name: "b", n: 2 },
    ]);
  });
});

describe("the pull request generator", () => {
  let server: Server | undefined;
  afterEach(
    () => new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve))),
  );

  const github = {
    number: 7,
    title: "Add X",
    head: { ref: "feature/Add_X", sha: "0123456789abcdef" },
    base: { ref: "main" },
    user: { login: "ann" },
    labels: [{ name: "preview" }],
  };
  const gitlab = {
    iid: 8,
    title: "Y",
    source_branch: "y",
    target_branch: "main",
    sha: "fedcba9876543210",
    author: { username: "bob" },
    labels: ["preview"],
  };
  const bitbucket = {
    id: 9,
    title: "Z",
    source: { branch: { name: "z" }, commit: { hash: "aaaaaaaaaaaa" } },
    destination: { branch: { name: "main" } },
    author: { nickname: "cy" },
  };

  it("reads the answers of the forges", () => {
    const found = pullRequestParameters([github, gitlab, bitbucket], { url: "https://x" });
    expect(found[0]).toEqual({
      number: "7",
      title: "Add X",
      author: "ann",
      labels: ["preview"],
      branch: "feature/Add_X",
      branch_slug: "feature-add-x",
      target_branch: "main",
      target_branch_slug: "main",
      head_sha: "0123456789abcdef",
      head_short_sha: "01234567",
      head_short_sha_7: "0123456",
    });
    expect(found.map((set) => [set["number"], set["branch"], set["author"]])).toEqual([
      ["7", "feature/Add_X", "ann"],
      ["8", "y", "bob"],
      ["9", "z", "cy"],
    ]);
  });

  it("filters by branch and label, and says what an item lacks", () => {
    const generator = {
      url: "https://x",
      labels: ["preview"],
      filters: [{ branchMatch: "feature/*" }],
    };
    expect(pullRequestParameters([github, gitlab, bitbucket], generator)).toHaveLength(1);
    expect(() => pullRequestParameters([{ number: 1 }], { url: "https://x" })).toThrow(/no branch/);
  });

  const serve = (handler: Parameters<typeof createServer>[1]): Promise<string> =>
    new Promise((resolve) => {
      const made = createServer(handler);
      server = made;
      made.listen(0, "127.0.0.1", () =>
        resolve(`http://127.0.0.1:${(made.address() as AddressInfo).port}`),
      );
    });
  const ask = (url: string, extra: object = {}): Promise<Json[]> =>
    fetchPullRequests(
      { url, ...extra },
      { authorization: "Bearer t0ken" },
      AbortSignal.timeout(5_000),
    );

  it("follows pages on the same host, with the credential", async () => {
    const seen: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      seen.push(request.headers.authorization);
      const isFirst = request.url === "/pulls";
      if (isFirst) response.setHeader("link", '</pulls?page=2>; rel="next", </x>; rel="last"');
      response.end(JSON.stringify(isFirst ? [github] : [gitlab]));
    });
    expect(await ask(`${url}/pulls`)).toEqual([github, gitlab]);
    expect(seen).toEqual(["Bearer t0ken", "Bearer t0ken"]);
  });

  it("sends no credential to a host that an answer names", async () => {
    const url = await serve((_request, response) => {
      response.end(JSON.stringify({ values: [bitbucket], next: "http://127.0.0.2:1/steal" }));
    });
    expect(await ask(url)).toEqual([bitbucket]);
  });

  it.each([
    ["file:///etc/passwd", /http or https/],
    ["http://user:secret@example.com/", /without credentials/],
    ["http://169.254.169.254/latest/meta-data", /never fetched from/],
  ])("refuses %s", async (url, expected) => {
    await expect(ask(url)).rejects.toThrow(expected);
  });

  it("tells an answer that is no list, without its text", async () => {
    const url = await serve((_request, response) => {
      response.statusCode = 401;
      response.end("t0ken");
    });
    await expect(ask(url)).rejects.toThrow(/answered 401/);
    await expect(ask(url)).rejects.not.toThrow(/t0ken/);
  });
});

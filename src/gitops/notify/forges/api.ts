/** Base addresses and headers of the forges' APIs, in one place for statuses and comments. */
import { basic, type ForgeAccess, joined, ownerAndName, prefixOf, requireToken } from "./forge.ts";

export interface Api {
  /** Of the repository, without a trailing slash. */
  readonly base: string;
  readonly headers: Readonly<Record<string, string>>;
}
export type ForgeApi = (access: ForgeAccess) => Api;

const json = { "content-type": "application/json" };

export const githubApi: ForgeApi = (access) => {
  const { host, origin } = access;
  const isPublic = host === "github.com" || host.endsWith(".ghe.com");
  return {
    base: `${isPublic ? `https://api.${host}` : `${origin}/api/v3`}/repos/${ownerAndName(access)}`,
    headers: {
      ...json,
      accept: "application/vnd.github+json",
      authorization: `Bearer ${requireToken(access)}`,
      "x-github-api-version": "2022-11-28",
    },
  };
};

export const gitlabApi: ForgeApi = (access) => ({
  base: `${access.origin}/api/v4/projects/${encodeURIComponent(access.path.join("/"))}`,
  headers: { ...json, "private-token": requireToken(access) },
});

export const giteaApi: ForgeApi = (access) => ({
  base: `${access.origin}${prefixOf(access)}/api/v1/repos/${ownerAndName(access)}`,
  headers: { ...json, authorization: `token ${requireToken(access)}` },
});

/** A token with a colon is a user with an app password, as Flux has it. */
export const bitbucketApi: ForgeApi = (access) => {
  const { host, origin, username, password, token } = access;
  const api = host === "bitbucket.org" ? "https://api.bitbucket.org" : origin;
  return {
    base: `${api}/2.0/repositories/${ownerAndName(access)}`,
    headers: {
      ...json,
      authorization: bitbucketAuthorization({ username, password, token }, access),
    },
  };
};

/** Clone URLs have `/scm/` before project and repository; what is before that is the server's own path. */
export const bitbucketServerApi: ForgeApi = (access) => {
  const { origin, path } = access;
  const scm = path.lastIndexOf("scm", path.length - 3);
  const context = joined(path.slice(0, scm < 0 ? -2 : scm));
  const [project = "", repository = ""] = path.slice(-2);
  const names = `projects/${encodeURIComponent(project)}/repos/${encodeURIComponent(repository)}`;
  return {
    base: `${origin}${context === "" ? "" : `/${context}`}/rest/api/latest/${names}`,
    headers: {
      ...json,
      authorization: bitbucketAuthorization(access, access),
      "x-atlassian-token": "no-check",
    },
  };
};

/** `<organisation>/<project>/_git/<repository>`. */
export const azureDevOpsApi: ForgeApi = (access) => {
  const { origin, path } = access;
  const repository = path.at(-1) ?? "";
  const project = path.filter((part) => part !== "_git").slice(0, -1);
  return {
    base: `${origin}/${joined(project)}/_apis/git/repositories/${encodeURIComponent(repository)}`,
    headers: { ...json, authorization: basic("", requireToken(access)) },
  };
};

function bitbucketAuthorization(
  { username, password, token }: Pick<ForgeAccess, "username" | "password" | "token">,
  access: ForgeAccess,
): string {
  if (token === undefined && username !== undefined && password !== undefined)
    return basic(username, password);
  const given = requireToken(access);
  const colon = given.indexOf(":");
  return colon < 0 ? `Bearer ${given}` : basic(given.slice(0, colon), given.slice(colon + 1));
}

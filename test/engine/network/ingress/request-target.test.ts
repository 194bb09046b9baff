import { describe, expect, test } from "vitest";
import { readTarget } from "../../../../src/engine/network/ingress/request-target.ts";

const read = (url: string, ...headers: string[]) => readTarget("GET", url, headers);
const refused = (status: number) => ({ status, message: expect.any(String) as string });

test.each([
  ["/", "a.example.com", "a.example.com", "/"],
  ["/a/b?x=/../y", "A.Example.com:8081", "a.example.com", "/a/b"],
  ["/", "a.example.com.", "a.example.com", "/"],
  ["/", "[::1]:80", "[::1]", "/"],
  ["/", "127.0.0.1", "127.0.0.1", "/"],
  ["/a%20b/...", "x_y.org", "x_y.org", "/a%20b/..."],
  ["http://a.org/x?y", "a.org", "a.org", "/x"],
  ["http://a.org?y", "A.org", "a.org", "/"],
])("%s for %s is for host %s and path %s", (url, header, host, path) => {
  expect(read(url, "Host", header)).toMatchObject({ host, path });
});

test("the backend gets path and query unchanged, and no absolute URL", () => {
  expect(read("/a//b%2Fc?d=%2e%2e", "Host", "a.org")).toMatchObject({ url: "/a//b%2Fc?d=%2e%2e" });
  expect(read("http://a.org/x?y", "Host", "a.org")).toMatchObject({ url: "/x?y" });
});

describe("what two servers could read in two ways is refused:", () => {
  test.each([
    ["two Hosts", "/", ["Host", "a.org", "host", "b.org"]],
    ["two equal Hosts", "/", ["Host", "a.org", "HOST", "a.org"]],
    ["no Host", "/", []],
    ["an empty Host", "/", ["Host", ""]],
    ["a list of hosts", "/", ["Host", "a.org, b.org"]],
    ["a Host with a path", "/", ["Host", "a.org/x"]],
    ["a Host with a user", "/", ["Host", "me@a.org"]],
    ["a Host with a bad port", "/", ["Host", "a.org:80:80"]],
    ["another host in the URL", "http://b.org/", ["Host", "a.org"]],
    ["a user in the URL", "http://a.org@b.org/", ["Host", "a.org"]],
    ["another Host than :authority", "/", [":authority", "a.org", "host", "b.org"]],
    ["a target without a slash", "admin", ["Host", "a.org"]],
    ["an asterisk", "*", ["Host", "a.org"]],
    ["a fragment", "/a#/../b", ["Host", "a.org"]],
    ["dot segments", "/a/../b", ["Host", "a.org"]],
    ["a last dot segment", "/a/..", ["Host", "a.org"]],
    ["a single dot", "/./a", ["Host", "a.org"]],
    ["encoded dots", "/a/%2e%2E/b", ["Host", "a.org"]],
    ["half encoded dots", "/a/.%2e/b", ["Host", "a.org"]],
    ["an encoded slash after dots", "/a/..%2fb", ["Host", "a.org"]],
    ["a backslash before dots", "/a\\..\\b", ["Host", "a.org"]],
    ["an encoded backslash", "/a%5c..%5Cb", ["Host", "a.org"]],
    ["dots with a parameter", "/a/..;x=1/b", ["Host", "a.org"]],
  ])("%s", (_case, url, headers) => {
    expect(read(url, ...headers)).toEqual(refused(400));
  });

  test.each(["TRACE", "CONNECT"])("%s", (method) => {
    expect(readTarget(method, "/", ["Host", "a.org"])).toEqual(refused(405));
  });
});

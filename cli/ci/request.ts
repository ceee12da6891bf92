/** Asking for the review of a branch, where the repository is kept: GitHub by its `gh`, GitLab by options of the push. */

/** One branch for all weeks: as long as its request is open, what changes meanwhile is added to it. */
export const branch = "prices/update";

const title = "Hetzner's price list has changed";

/** Runs a program in the repository. @returns its output. @throws Fault when it fails. */
export type Must = (command: string, args: readonly string[]) => Promise<string>;

export type Host = {
  /** Name of the branch's open request; undefined when there is none. */
  openRequest(): Promise<string | undefined>;
  pushOptions(text: string): readonly string[];
  /** @returns where the request is. */
  create(text: string): Promise<string>;
  update(request: string, text: string): Promise<void>;
};

const body = (text: string): string =>
  [
    "Read from the API; lines are only added to the dated book. The API does not say whether existing servers pay new server",
    "prices too: if they do, run `./chitlaq prices update --everyone` instead.",
    `\n\`\`\`\n${text}\n\`\`\``,
  ].join("\n");

export function gitHubHost(must: Must): Host {
  const listed = ["--head", branch, "--state", "open", "--json", "number", "--jq", ".[0].number // empty"];
  return {
    async openRequest() {
      const number = await must("gh", ["pr", "list", ...listed]);
      return number === "" ? undefined : `pull request ${number}`;
    },
    pushOptions: () => [],
    create: (text) => must("gh", ["pr", "create", "--head", branch, "--title", title, "--body", body(text)]),
    async update(request, text) {
      await must("gh", ["pr", "edit", request.replace("pull request ", ""), "--body", body(text)]);
    },
  };
}

/**
 * GitLab makes and updates a merge request by the options of a push (docs.gitlab.com/topics/git/commit, "Push options for
 * merge requests"), so a job needs no token of its own. An option cannot hold a second line.
 */
export function gitLabHost(must: Must): Host {
  const options = (text: string): readonly string[] => {
    const [first = ""] = text.split("\n");
    const said = `${first.replace(/:$/, "")}; ./chitlaq prices check names them.`;
    const settings = ["create", "remove_source_branch", `title=${title}`, `description=${said}`];
    return settings.flatMap((setting) => ["--push-option", `merge_request.${setting}`]);
  };
  return {
    // The branch goes when its request is merged, so one that is there has an open request.
    async openRequest() {
      const found = await must("git", ["ls-remote", "--heads", "origin", branch]);
      return found === "" ? undefined : `the merge request of ${branch}`;
    },
    pushOptions: options,
    create: async () => `Opened a merge request of ${branch}.`,
    update: async () => undefined,
  };
}

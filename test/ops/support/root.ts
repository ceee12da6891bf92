import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const repository = join(import.meta.dirname, "..", "..", "..");
const roots = join(repository, ".cache", "machines");

/** A Debian 13 root with every service installed, as the machines of the local cloud use it; or why there is none. */
export function debianRoot(): { readonly root: string } | { readonly missing: string } {
  if (process.getuid?.() !== 0) return { missing: "needs root for a change of root directory" };
  const built = existsSync(roots) ? readdirSync(roots) : [];
  const name = built.find((entry) => /^base-baked-[0-9a-f]+$/.test(entry));
  if (name === undefined) return { missing: "no Debian 13 root in .cache/machines; ./chitlaq local up builds one" };
  const root = join(roots, name);
  const probe = spawnSync("unshare", ["-m", "-n", "-p", "-f", "true"]);
  if (probe.status !== 0) return { missing: "this host allows no mount namespaces" };
  return { root };
}

/** Files of a machine and the shell commands to try on them, each by name. */
export type Trial = {
  readonly fileSet: string;
  readonly userData: string;
  readonly checks: Readonly<Record<string, string>>;
};

export type Verdict = { readonly status: number; readonly output: string };

/**
 * Installs the file set with its own scripts into a throw-away copy of the root and runs the checks there, in namespaces of
 * their own: nothing of it is seen on the host. /proc is read-only, because kernel settings would reach the host.
 */
export async function tryIn(root: string, trial: Trial): Promise<ReadonlyMap<string, Verdict>> {
  const work = mkdtempSync(join(tmpdir(), "chitlaq-ops-"));
  try {
    for (const directory of ["upper/root", "work", "merged"]) mkdirSync(join(work, directory), { recursive: true });
    const files = join(work, "upper", "root");
    writeFileSync(join(files, "fileset.sh"), trial.fileSet);
    writeFileSync(join(files, "user-data"), trial.userData);
    writeFileSync(join(files, "run.sh"), runScript(trial.checks));
    for (const [index, command] of Object.values(trial.checks).entries()) {
      writeFileSync(join(files, `check-${index}.sh`), command);
    }
    const mount = `
      mount -t overlay overlay -o lowerdir="$1",upperdir="$2/upper",workdir="$2/work" "$2/merged"
      mount -t proc -o ro proc "$2/merged/proc"
      mount --bind /dev "$2/merged/dev"
      mount -t tmpfs tmpfs "$2/merged/run"
      mount -t tmpfs tmpfs "$2/merged/tmp"
      exec chroot "$2/merged" bash /root/run.sh`;
    const { stdout } = await run(
      "unshare",
      ["-m", "-n", "-p", "-f", "--kill-child", "sh", "-ec", mount, "sh", root, work],
      {
        env: {
          PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          SYSTEMD_OFFLINE: "1",
          LC_ALL: "C",
        },
        timeout: 120_000,
        killSignal: "SIGKILL",
      },
    );
    return parse(stdout);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Stands for the delivered secrets: what a checker opens must exist and must be a certificate where it expects one. */
const makeSecrets = `
  install -d -m 0711 /etc/chitlaq/secrets
  cd /etc/chitlaq/secrets
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ../key -out ../crt -subj /CN=test -days 1 2>/dev/null
  cut -f 1 /root/fileset/files/etc/chitlaq/secrets.tsv | while read -r name; do
    case $name in
      *.key) cp ../key "$name" ;;
      *.crt | *.pem) cp ../crt "$name" ;;
      *) printf '%s' 0123456789abcdef0123456789abcdef0123456789abcdef >"$name" ;;
    esac
  done
  cd /`;

const ownSecrets = `
  while IFS=$(printf '\\t') read -r name mode owner group; do
    chown "$owner:$group" "/etc/chitlaq/secrets/$name"
    chmod "$mode" "/etc/chitlaq/secrets/$name"
  done </etc/chitlaq/secrets.tsv`;

function runScript(checks: Trial["checks"]): string {
  // Each in a shell of its own: `set -e` has no effect inside a list of commands.
  const trials = Object.keys(checks).map(
    (name, index) => `
echo "=== ${name}"
bash -e /root/check-${index}.sh >/root/output 2>&1 && status=0 || status=$?
echo "$status"
grep -v '^Running in chroot' /root/output || true`,
  );
  return `set -eu
ssh-keygen -q -A
mkdir -p /run/sshd /run/postgresql
chown postgres /run/postgresql
sh /root/fileset.sh /root/fileset
apply=/root/fileset/files/usr/local/sbin/chitlaq-apply
"$apply" /root/fileset early >/dev/null
${makeSecrets}
"$apply" /root/fileset >/dev/null
${ownSecrets}
${trials.join("\n")}
`;
}

function parse(output: string): ReadonlyMap<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  for (const block of output.split(/^=== /m).slice(1)) {
    const [name = "", status = "", ...rest] = block.split("\n");
    verdicts.set(name, { status: Number(status), output: rest.join("\n").trim() });
  }
  return verdicts;
}

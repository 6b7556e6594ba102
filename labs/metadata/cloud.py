"""Debian's cloud-init on a host of the lab, as on a machine's first boot: root, hostname and processes are its own, and whatever it
writes goes into the lab's folder."""

import json
import os

# Its own copy of the root file system: what is written lies in memory, and is gone with the last process.
BOOT = r"""
set -eu
base=$1
mkdir -p $base
mount -t tmpfs tmpfs $base
mkdir $base/upper $base/work $base/root
mount -t overlay overlay -o lowerdir=/,upperdir=$base/upper,workdir=$base/work $base/root
root=$base/root
mount --rbind /dev $root/dev
mount --rbind /sys $root/sys
mount -t proc proc $root/proc
mount -t tmpfs tmpfs $root/run
rm -rf $root/var/lib/cloud
rm -f $root/etc/cloud/cloud-init.disabled
cat >$root/etc/cloud/cloud.cfg.d/99-lab.cfg
hostname unnamed
chroot $root cloud-init init >&2
chroot $root python3 -c '
import json, os, pwd, socket
data = json.load(open("/run/cloud-init/instance-data.json"))
keys = [path for path in ("/home/debian/.ssh/authorized_keys",) if os.path.exists(path)]
print(json.dumps({
    "hostname": socket.gethostname(),
    "who": open("/etc/who").read().strip(),
    "keys": [line.split()[-1] for path in keys for line in open(path) if line.strip()],
    "v1": data["v1"],
    "ds": data["ds"],
    "userdata": open("/var/lib/cloud/instance/user-data.txt").read(),
}))
'
"""
CONFIG = """
datasource_list: [{source}]
datasource:
  {source}:
    metadata_urls: ["http://[{address}]"]
    strict_id: false
    max_wait: 20
    timeout: 5
network: {{config: disabled}}
ssh_deletekeys: false
ssh_genkeytypes: []
cloud_init_modules: [write-files, set_hostname, users-groups, ssh]
cloud_config_modules: []
cloud_final_modules: []
"""


def boot(host, folder, source, address, timeout=60):
    """The first boot with a data source (`Ec2`, `OpenStack`) at an address: what came of it."""
    base = os.path.join(folder, f"boot-{host.name}")
    # By the name of its product OpenStack's source knows where it is: a container's comes from its first process.
    process = host.popen(["env", "product_name=OpenStack Nova", "unshare", "--mount", "--uts", "--pid", "--fork",
                          "bash", "-c", BOOT, "boot", base], stdin=-1, stdout=-1, stderr=-1, text=True)
    out, words = process.communicate(CONFIG.format(source=source, address=address), timeout=timeout)
    if process.returncode != 0:
        raise RuntimeError(f"cloud-init on {host.name}: {words}\n{out}")
    return json.loads(out)

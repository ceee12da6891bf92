"""cloud-init's own Hetzner data source for a machine that has no SMBIOS.

The stock source recognises Hetzner by the firmware's vendor and serial number, which a container cannot have. Here the
serial number is a file that the local cloud mounts; all else is the stock source.
"""

from cloudinit import sources
from cloudinit.sources import DataSourceHetzner as stock

SERIAL_FILE = "/run/host/hetzner-serial"


def read_serial():
    with open(SERIAL_FILE, encoding="ascii") as file:
        return file.read().strip()


stock.get_hcloud_data = lambda: (True, read_serial())


class DataSourceLocalHetzner(stock.DataSourceHetzner):
    def check_instance_id(self, sys_cfg):
        return self.get_instance_id() == read_serial()


datasources = [(DataSourceLocalHetzner, (sources.DEP_FILESYSTEM,))]


def get_datasource_list(depends):
    return sources.list_from_depends(depends, datasources)

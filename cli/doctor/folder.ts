import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { type DataPlace, isThere } from "../data-place.ts";
import { type Checked, type Finding, find } from "./findings.ts";

/** `f_type` of statfs(2) on Linux: NFS, SMB, CIFS, SMB2, Ceph, 9P. */
const networkTypes = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x00c36400, 0x01021997]);

/** The folder of a database file: whose it is, who may read it, on what disk it is and how much room there is. */
export async function checkFolder({ file }: DataPlace): Promise<Checked> {
  const folder = dirname(file);
  const about = "data folder";
  if (!(await isThere(folder))) return { about, seen: `${folder}, not there yet`, findings: [] };
  const disk = await statfs(folder);
  const freeMb = Math.floor((disk.bavail * disk.bsize) / 1e6);
  const bytes = (await isThere(file)) ? (await stat(file)).size : 0;
  const findings = [
    ...(await rightsOf(folder, file)),
    ...(networkTypes.has(disk.type) ? [find("folder_on_network", `${folder} is on a network file system`)] : []),
    ...roomIn(folder, freeMb, bytes / 1e6),
  ];
  return { about, seen: `${folder}, ${freeMb} MB free`, findings };
}

async function rightsOf(folder: string, file: string): Promise<Finding[]> {
  const isWritable = await access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  const open = [];
  // whoever cannot enter the folder reads nothing in it
  if (((await stat(folder)).mode & 0o077) !== 0) open.push(folder);
  if (open.length > 0 && (await isThere(file)) && ((await stat(file)).mode & 0o077) !== 0) open.push(file);
  return [
    ...(isWritable ? [] : [find("folder_not_writable", `${folder} cannot be written to by this user`)]),
    ...(open.length < 2 ? [] : [find("folder_open", `${open.join(" and ")} can be read by others`)]),
  ];
}

function roomIn(folder: string, freeMb: number, databaseMb: number): Finding[] {
  if (freeMb < 64) return [find("disk_full", `${folder} has ${freeMb} MB left`)];
  if (freeMb >= Math.max(1000, databaseMb)) return [];
  return [find("disk_low", `${folder} has ${freeMb} MB left, and the database has ${Math.ceil(databaseMb)} MB`)];
}

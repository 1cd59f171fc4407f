#!/bin/bash
# Runs in a customer's or server's own namespaces.
set -ex
hostname @NODE@
mount -t tmpfs tmpfs /run
ln -s @D@ /run/node
@EXTRA@
setsid sleep infinity </dev/null >/dev/null 2>&1 &
echo $! >@D@/anchor.pid

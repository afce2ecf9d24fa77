#!/bin/sh
# Stands for the daemon and lint tests where configure found no Python.
echo "1..0 # SKIP python3 is not installed: the daemon and lint tests did not run"

"""Speed and memory of mien on this machine, stage by stage."""

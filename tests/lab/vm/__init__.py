"""The lab's virtual machine: a stock Debian kernel under QEMU's software emulation."""

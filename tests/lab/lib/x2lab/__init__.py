"""The lab: HeNBs, a gateway, an RA/CA and OAM as network namespaces of one kernel, with real pluto and real packets."""

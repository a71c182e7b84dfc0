#!/usr/bin/python3
"""A pair key from the key service: get_key.py ADDRESS SERVER_NAME OPERATOR_ROOT CERTIFICATE KEY PEER"""
import sys

import grpc
from henb.keydist.v1 import keydist_pb2, keydist_pb2_grpc

address, server_name, root, certificate, key, peer = sys.argv[1:]
read = lambda path: open(path, "rb").read()
credentials = grpc.ssl_channel_credentials(read(root), read(key), read(certificate))
with grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", server_name)]) as channel:
    service = keydist_pb2_grpc.KeyDistributionStub(channel)
    print("known as", service.Register(keydist_pb2.RegisterRequest(protocol=1), timeout=5).henb_id)
    request = keydist_pb2.GetPairKeysRequest(peers=[peer], purpose=keydist_pb2.IKE_PSK)
    for result in service.GetPairKeys(request, timeout=5).results:
        if result.HasField("keys"):
            current = result.keys.current  # current.key is the secret: 32 octets, not for print().
            print(f"{result.peer}: epoch {current.epoch}, {len(current.key)} octets, to be used for {current.expire_in_s} s")
        else:
            print(f"{result.peer}: denied, {keydist_pb2.Denial.Name(result.denial)}")

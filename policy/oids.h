// The project's object identifiers, below one arc made from a UUID (ITU-T X.667): docs/oids.md.
#pragma once

namespace henb::policy {

/// 2.25.<a6d514b0-a095-4add-8111-0833f297c3b6>
#define HENB_OID_ARC "2.25.221758226173210713790529050244678140854"

/// Extended key usage: may sign policies and provisioning data for devices.
inline constexpr char kOidConfigurationSigner[] = HENB_OID_ARC ".1.1";
/// Certificate extension: AuthorisedDevices ::= SEQUENCE SIZE (1..MAX) OF CHOICE { UTF8String, IA5String }.
inline constexpr char kOidAuthorisedDevices[] = HENB_OID_ARC ".2.1";
/// Certificate extension: Operator ::= UTF8String.
inline constexpr char kOidOperator[] = HENB_OID_ARC ".2.2";

/// CMS content type: provisioning data (a policy's is id-data), so that one is never taken for the other.
inline constexpr char kOidProvisioningData[] = HENB_OID_ARC ".3.1";
/// CMS unsigned attribute of provisioning data: EnrolmentCredential ::= OCTET STRING, a CMS AuthEnvelopedData in DER.
inline constexpr char kOidEnrolmentCredential[] = HENB_OID_ARC ".4.1";

#undef HENB_OID_ARC

}  // namespace henb::policy

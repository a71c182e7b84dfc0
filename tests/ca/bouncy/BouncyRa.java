// A second RA/CA for the tests, which shares no code with the client's library: CMPv2 (RFC 4210) over HTTP by Bouncy Castle.
//
// BouncyRa --ca-key F --ca-cert F --ra-name DN [--vendor-root F]… [--nem F]… [--device NAME]… --ledger F
//
// Behaves, and nothing else: ir, cr and kur of devices below a vendor root (or the operator's, for kur), p10cr of the NEMs given, for the
// devices given; certConf with the right hash confirms, anything else revokes; rr revokes. The ledger has a line for each change:
// "SERIAL STATE IDENTITY". Prints "listening on port N". Ends when its standard input does.
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.FileReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.math.BigInteger;
import java.net.InetSocketAddress;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.spec.ECGenParameterSpec;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.cmp.CMPCertificate;
import org.bouncycastle.asn1.cmp.CertConfirmContent;
import org.bouncycastle.asn1.cmp.CertOrEncCert;
import org.bouncycastle.asn1.cmp.CertRepMessage;
import org.bouncycastle.asn1.cmp.CertResponse;
import org.bouncycastle.asn1.cmp.CertStatus;
import org.bouncycastle.asn1.cmp.CertifiedKeyPair;
import org.bouncycastle.asn1.cmp.ErrorMsgContent;
import org.bouncycastle.asn1.cmp.PKIBody;
import org.bouncycastle.asn1.cmp.PKIConfirmContent;
import org.bouncycastle.asn1.cmp.PKIFailureInfo;
import org.bouncycastle.asn1.cmp.PKIFreeText;
import org.bouncycastle.asn1.cmp.PKIHeader;
import org.bouncycastle.asn1.cmp.PKIStatus;
import org.bouncycastle.asn1.cmp.PKIStatusInfo;
import org.bouncycastle.asn1.cmp.RevDetails;
import org.bouncycastle.asn1.cmp.RevRepContentBuilder;
import org.bouncycastle.asn1.cmp.RevReqContent;
import org.bouncycastle.asn1.crmf.CertReqMessages;
import org.bouncycastle.asn1.crmf.CertTemplate;
import org.bouncycastle.asn1.pkcs.CertificationRequest;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.Extensions;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.cmp.GeneralPKIMessage;
import org.bouncycastle.cert.cmp.ProtectedPKIMessage;
import org.bouncycastle.cert.cmp.ProtectedPKIMessageBuilder;
import org.bouncycastle.cert.crmf.CertificateRequestMessage;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.ContentVerifierProvider;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;

public final class BouncyRa {
  private static final BouncyCastleProvider PROVIDER = new BouncyCastleProvider();

  /** A request that gets nothing: what the answer says. */
  private static final class Refused extends Exception {
    final int failInfo;

    Refused(int failInfo, String text) {
      super(text);
      this.failInfo = failInfo;
    }
  }

  /** What was issued in a transaction and waits for its certConf. */
  private record Issued(X509CertificateHolder certificate, String identity) {}

  private final X509CertificateHolder ca;
  private final PrivateKey caKey;
  private final X509CertificateHolder ra;
  private final PrivateKey raKey;
  private final List<X509CertificateHolder> anchors = new ArrayList<>();
  private final List<X509CertificateHolder> nems = new ArrayList<>();
  private final List<String> devices;
  private final PrintWriter ledger;
  private final Map<String, Issued> transactions = new HashMap<>();
  private final Map<BigInteger, String> owners = new HashMap<>();
  private final SecureRandom random = new SecureRandom();

  private BouncyRa(Map<String, List<String>> options) throws Exception {
    ca = certificate(options.get("ca-cert").get(0));
    caKey = new JcaPEMKeyConverter().setProvider(PROVIDER).getPrivateKey((PrivateKeyInfo) pem(options.get("ca-key").get(0)));
    for (String file : options.getOrDefault("vendor-root", List.of())) anchors.add(certificate(file));
    anchors.add(ca);
    for (String file : options.getOrDefault("nem", List.of())) nems.add(certificate(file));
    devices = options.getOrDefault("device", List.of());
    ledger = new PrintWriter(options.get("ledger").get(0));
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", PROVIDER);
    generator.initialize(new ECGenParameterSpec("P-256"));
    KeyPair pair = generator.generateKeyPair();
    raKey = pair.getPrivate();
    ra = sign(name(options.get("ra-name").get(0)), SubjectPublicKeyInfo.getInstance(pair.getPublic().getEncoded()), null);
  }

  private static Object pem(String file) throws IOException {
    try (PEMParser parser = new PEMParser(new FileReader(file))) {
      return parser.readObject();
    }
  }

  private static X509CertificateHolder certificate(String file) throws IOException {
    return (X509CertificateHolder) pem(file);
  }

  /** "/O=…/CN=…", in that order. */
  private static X500Name name(String text) {
    X500NameBuilder builder = new X500NameBuilder(BCStyle.INSTANCE);
    for (String part : text.substring(1).split("/")) {
      int equals = part.indexOf('=');
      builder.addRDN(BCStyle.INSTANCE.attrNameToOID(part.substring(0, equals)), part.substring(equals + 1));
    }
    return builder.build();
  }

  private static ContentVerifierProvider verifier(SubjectPublicKeyInfo key) throws Exception {
    return new JcaContentVerifierProviderBuilder().setProvider(PROVIDER).build(key);
  }

  private static ContentSigner signer(PrivateKey key) throws Exception {
    String algorithm = key.getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA";
    return new JcaContentSignerBuilder(algorithm).setProvider(PROVIDER).build(key);
  }

  private X509CertificateHolder sign(X500Name subject, SubjectPublicKeyInfo key, String identity) throws Exception {
    long now = System.currentTimeMillis();
    X509v3CertificateBuilder builder =
        new X509v3CertificateBuilder(
            ca.getSubject(), new BigInteger(120, random).setBit(119), new Date(now - 60_000), new Date(now + 90L * 86_400_000), subject, key);
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
    builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
    if (identity != null) {
      builder.addExtension(
          Extension.subjectAlternativeName, false, new GeneralNames(new GeneralName(GeneralName.dNSName, identity)));
      builder.addExtension(
          Extension.extendedKeyUsage,
          false,
          new ExtendedKeyUsage(new KeyPurposeId[] {KeyPurposeId.id_kp_clientAuth, KeyPurposeId.id_kp_serverAuth}));
    }
    return builder.build(signer(caKey));
  }

  /** The one dNSName of these names. */
  private static String dnsName(Extensions extensions) throws Refused {
    GeneralNames names =
        extensions == null ? null : GeneralNames.fromExtensions(extensions, Extension.subjectAlternativeName);
    if (names == null || names.getNames().length != 1 || names.getNames()[0].getTagNo() != GeneralName.dNSName) {
      throw new Refused(PKIFailureInfo.badCertTemplate, "not exactly one dNSName");
    }
    return names.getNames()[0].getName().toString();
  }

  /** The protection's signer, whose path over the message's certificates ends at an anchor. */
  private X509CertificateHolder signerOf(ProtectedPKIMessage message) throws Exception {
    X509CertificateHolder[] sent = message.getCertificates();
    if (sent.length == 0 || !message.verify(verifier(sent[0].getSubjectPublicKeyInfo()))) {
      throw new Refused(PKIFailureInfo.badMessageCheck, "the protection does not verify");
    }
    X509CertificateHolder current = sent[0];
    for (int depth = 0; depth < 8; depth++) {
      for (X509CertificateHolder anchor : anchors) {
        if (current.getIssuer().equals(anchor.getSubject()) && current.isSignatureValid(verifier(anchor.getSubjectPublicKeyInfo()))) {
          return sent[0];
        }
      }
      X509CertificateHolder next = null;
      for (X509CertificateHolder each : sent) {
        if (current.getIssuer().equals(each.getSubject()) && current.isSignatureValid(verifier(each.getSubjectPublicKeyInfo()))) next = each;
      }
      if (next == null) break;
      current = next;
    }
    throw new Refused(PKIFailureInfo.signerNotTrusted, "no path from the signer to a root");
  }

  private X509CertificateHolder certifyCrmf(CertReqMessages content, X509CertificateHolder signer, String transaction) throws Exception {
    if (content.toCertReqMsgArray().length != 1) throw new Refused(PKIFailureInfo.badRequest, "not one request");
    CertificateRequestMessage request = new CertificateRequestMessage(content.toCertReqMsgArray()[0]);
    CertTemplate template = request.getCertTemplate();
    boolean proved = request.hasProofOfPossession() && request.isValidSigningKeyPOP(verifier(template.getPublicKey()));
    if (!proved) throw new Refused(PKIFailureInfo.badPOP, "no proof of possession");
    String identity = dnsName(template.getExtensions());
    if (!identity.equals(dnsName(signer.getExtensions()))) throw new Refused(PKIFailureInfo.notAuthorized, "not the signer's name");
    return issue(template.getSubject(), template.getPublicKey(), identity, transaction);
  }

  private X509CertificateHolder certifyPkcs10(CertificationRequest content, X509CertificateHolder signer, String transaction) throws Exception {
    if (!nems.contains(signer)) throw new Refused(PKIFailureInfo.notAuthorized, "the signer is no NEM");
    PKCS10CertificationRequest request = new PKCS10CertificationRequest(content);
    if (!request.isSignatureValid(verifier(request.getSubjectPublicKeyInfo()))) {
      throw new Refused(PKIFailureInfo.badPOP, "no proof of possession");
    }
    String identity = dnsName(request.getRequestedExtensions());
    if (!devices.contains(identity)) throw new Refused(PKIFailureInfo.notAuthorized, identity + " is not on the list of devices");
    return issue(request.getSubject(), request.getSubjectPublicKeyInfo(), identity, transaction);
  }

  private X509CertificateHolder issue(X500Name subject, SubjectPublicKeyInfo key, String identity, String transaction) throws Exception {
    X509CertificateHolder made = sign(subject, key, identity);
    transactions.put(transaction, new Issued(made, identity));
    owners.put(made.getSerialNumber(), identity);
    note(made.getSerialNumber(), "ISSUED");
    return made;
  }

  private void note(BigInteger serial, String state) {
    ledger.println(serial.toString(16) + " " + state + " " + owners.get(serial));
    ledger.flush();
  }

  private PKIBody confirm(CertConfirmContent content, String transaction) throws Exception {
    Issued issued = transactions.remove(transaction);
    CertStatus[] all = content.toCertStatusArray();
    if (issued == null || all.length != 1) throw new Refused(PKIFailureInfo.badRequest, "nothing to confirm");
    byte[] hash = java.security.MessageDigest.getInstance("SHA-256").digest(issued.certificate().getEncoded());
    PKIStatusInfo status = all[0].getStatusInfo();
    boolean accepted = status == null || status.getStatus().intValue() == PKIStatus.GRANTED;
    boolean same = java.util.Arrays.equals(hash, all[0].getCertHash().getOctets());
    note(issued.certificate().getSerialNumber(), accepted && same ? "CONFIRMED" : "REVOKED");
    if (!same) throw new Refused(PKIFailureInfo.badCertId, "certHash does not match");
    return new PKIBody(PKIBody.TYPE_CONFIRM, new PKIConfirmContent());
  }

  private PKIBody revoke(RevReqContent content, X509CertificateHolder signer) throws Exception {
    RevDetails details = content.toRevDetailsArray()[0];
    BigInteger serial = details.getCertDetails().getSerialNumber().getValue();
    boolean own = nems.contains(signer) || dnsName(signer.getExtensions()).equals(owners.get(serial));
    if (!own || !owners.containsKey(serial)) throw new Refused(PKIFailureInfo.badCertId, "no such certificate of this signer");
    note(serial, "REVOKED");
    RevRepContentBuilder builder = new RevRepContentBuilder();
    builder.add(new PKIStatusInfo(PKIStatus.granted));
    return new PKIBody(PKIBody.TYPE_REVOCATION_REP, builder.build());
  }

  private PKIBody certificateAnswer(int type, long id, X509CertificateHolder made) {
    CertifiedKeyPair pair = new CertifiedKeyPair(new CertOrEncCert(new CMPCertificate(made.toASN1Structure())));
    CertResponse response = new CertResponse(new ASN1Integer(id), new PKIStatusInfo(PKIStatus.granted), pair, null);
    return new PKIBody(type, new CertRepMessage(null, new CertResponse[] {response}));
  }

  private PKIBody answer(GeneralPKIMessage message) throws Exception {
    if (!message.hasProtection()) throw new Refused(PKIFailureInfo.badMessageCheck, "no protection");
    X509CertificateHolder signer = signerOf(new ProtectedPKIMessage(message));
    String transaction = message.getHeader().getTransactionID().toString();
    PKIBody body = message.getBody();
    switch (body.getType()) {
      case PKIBody.TYPE_INIT_REQ:
      case PKIBody.TYPE_CERT_REQ:
      case PKIBody.TYPE_KEY_UPDATE_REQ:
        // ip, cp and kup are the numbers behind.
        return certificateAnswer(body.getType() + 1, 0, certifyCrmf((CertReqMessages) body.getContent(), signer, transaction));
      case PKIBody.TYPE_P10_CERT_REQ:
        return certificateAnswer(
            PKIBody.TYPE_CERT_REP, -1, certifyPkcs10((CertificationRequest) body.getContent(), signer, transaction));
      case PKIBody.TYPE_CERT_CONFIRM:
        return confirm((CertConfirmContent) body.getContent(), transaction);
      case PKIBody.TYPE_REVOCATION_REQ:
        return revoke((RevReqContent) body.getContent(), signer);
      default:
        throw new Refused(PKIFailureInfo.badRequest, "body " + body.getType() + " is not taken");
    }
  }

  private synchronized byte[] handle(byte[] request) throws Exception {
    GeneralPKIMessage message = new GeneralPKIMessage(request);
    PKIBody body;
    try {
      body = answer(message);
    } catch (Refused refused) {
      System.err.println("refused: " + refused.getMessage());
      PKIStatusInfo status =
          new PKIStatusInfo(PKIStatus.rejection, new PKIFreeText(refused.getMessage()), new PKIFailureInfo(refused.failInfo));
      body = new PKIBody(PKIBody.TYPE_ERROR, new ErrorMsgContent(status));
    }
    PKIHeader header = message.getHeader();
    byte[] nonce = new byte[16];
    random.nextBytes(nonce);
    ProtectedPKIMessageBuilder builder = new ProtectedPKIMessageBuilder(new GeneralName(ra.getSubject()), header.getSender());
    builder.setMessageTime(new Date());
    builder.setTransactionID(header.getTransactionID().getOctets());
    builder.setSenderNonce(nonce);
    builder.setRecipNonce(header.getSenderNonce().getOctets());
    builder.setBody(body);
    builder.addCMPCertificate(ra);
    return builder.build(signer(raKey)).toASN1Structure().getEncoded();
  }

  private void serve(HttpExchange exchange) throws IOException {
    byte[] out;
    int status = 200;
    try {
      out = handle(exchange.getRequestBody().readAllBytes());
    } catch (Exception broken) {
      broken.printStackTrace();
      out = broken.toString().getBytes();
      status = 400;
    }
    exchange.getResponseHeaders().set("Content-Type", status == 200 ? "application/pkixcmp" : "text/plain");
    exchange.sendResponseHeaders(status, out.length);
    exchange.getResponseBody().write(out);
    exchange.close();
  }

  public static void main(String[] arguments) throws Exception {
    Map<String, List<String>> options = new HashMap<>();
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      options.computeIfAbsent(arguments[i].substring(2), key -> new ArrayList<>()).add(arguments[i + 1]);
    }
    BouncyRa ra = new BouncyRa(options);
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 16);
    server.createContext("/", ra::serve);
    server.start();
    System.out.println("listening on port " + server.getAddress().getPort());
    while (System.in.read() >= 0) {
    }
    server.stop(0);
    System.exit(0);
  }
}

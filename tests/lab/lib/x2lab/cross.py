"""Cross-certificates in the scene: one authority's word about another's root, and the operator's repository of them."""

from . import layout, pki, process, product

PORT = 8082
URL = f"http://{layout.CA_ADDRESS}:{PORT}/cross.pem"


def certify(scene, authority, other, name, *constraints, path_length=None):
    """`authority` vouches for the root of `other`: a PEM file. `constraints`: lines of openssl's extension file."""
    target = scene.artefacts / f"cross-{name}.pem"
    length = "" if path_length is None else f",pathlen:{path_length}"
    extensions = [
        f"basicConstraints=critical,CA:TRUE{length}",
        "keyUsage=critical,keyCertSign,cRLSign",
        "subjectKeyIdentifier=hash",
        "authorityKeyIdentifier=keyid",
        *constraints,
    ]
    authority._sign(other.root.key, other.root.subject(), extensions, pki.BEGIN, pki.END, target)
    return target


def only_names_under(domain):
    """The constraint that lets a CA vouch for names under this domain alone."""
    return f"nameConstraints=critical,permitted;DNS:{domain}"


def below_a_sub_ca(scene, letter):
    """Another vendor credential of this HeNB, by a sub-CA of its vendor's: chain of three."""
    henb = layout.HENBS[letter]
    name = f"V{henb.vendor}-sub"
    parent = scene.material.vendors[henb.vendor]
    sub = pki.Authority.create(scene.artefacts, name, f"O=Vendor {henb.vendor}, CN=Vendor {henb.vendor} Device CA", parent=parent)
    return sub.issue(f"{name}-henb", f"O=Vendor {henb.vendor}, CN={henb.id}", dns=(henb.id,), folder=scene.artefacts)


class Repository:
    """The operator's repository on the core network: one PEM file of all cross-certificates."""

    FOLDER = "/run/lab/repository"

    def __init__(self, scene):
        self.node, self.daemon = scene["ca"], None
        self.publish()

    def publish(self, *certificates):
        self.node.write(f"{self.FOLDER}/cross.pem", "".join(c.read_text() for c in certificates))

    def start(self):
        words = ["-m", "http.server", "--directory", self.FOLDER, "--bind", layout.CA_ADDRESS, str(PORT)]
        self.daemon = self.node.start("repository", "/usr/bin/python3", "-u", *words)
        process.until("the repository is open", lambda: self.daemon.must_run() and "Serving" in self.daemon.tail(), product.BOOT_WAIT)
        return self

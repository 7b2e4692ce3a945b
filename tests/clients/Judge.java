import java.io.FileInputStream;
import java.security.cert.*;
import java.util.*;

/** Java's own judgement: for each triple of arguments (crl or ocsp, CA, certificate) one line. */
public class Judge {
    public static void main(String[] arguments) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        for (int at = 0; at < arguments.length; at += 3) {
            X509Certificate ca = read(factory, arguments[at + 1]);
            X509Certificate leaf = read(factory, arguments[at + 2]);
            System.out.println(judge(factory, arguments[at].equals("ocsp"), ca, leaf).replace('\n', ' '));
        }
    }

    static X509Certificate read(CertificateFactory factory, String path) throws Exception {
        try (FileInputStream file = new FileInputStream(path)) {
            return (X509Certificate) factory.generateCertificate(file);
        }
    }

    static String judge(CertificateFactory factory, boolean byOcsp, X509Certificate ca, X509Certificate leaf)
            throws Exception {
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        Set<PKIXRevocationChecker.Option> options = EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK);
        if (!byOcsp) {
            options.add(PKIXRevocationChecker.Option.PREFER_CRLS);
        }
        checker.setOptions(options);
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(ca, null)));
        parameters.addCertPathChecker(checker);
        try {
            validator.validate(factory.generateCertPath(List.of(leaf)), parameters);
            return "good";
        } catch (CertPathValidatorException error) {
            return error.getReason() + ": " + error.getMessage() + " " + error.getCause();
        }
    }
}

"""Words that begin a label and are no names: they are written small within a sentence."""

PLAIN_WORDS = frozenset(
    """
    absent additional adenocarcinoma adjusted adjuvant administered admission after age albumin
    alcohol alike alive all ambulatory among anatomical antibody any anywhere approach arm as
    ascending assistance asymptomatic at authors backbone baseline before behind best between
    bilateral bilirubin bilobar biopsy bleeding blood body both bowel by cancer candidates
    carcinoma cardiac cause causes censoring change chemotherapy chi clinical closed coefficient
    colon colonic combined comorbidity complete completed complication complications concordance
    concurrent conditional continuous controllable conversion counted creatinine cumulative
    curative current cycles daily dead death deaths degree depth diabetes diagnosis diameter died
    difference differences differentiation disease distal distance distant dose downstaging drain
    drains drug duration early education effective elderly elective elevated emergency employment
    end endoscopic estimated events ever every excess excluded expected exposure extent
    extrahepatic failure failures family female femoral fever first five flag follow former four
    fracture from full gallbladder gastric gender gene general genetic grade group groups
    haemoglobin half hazard heart height hemoglobin hepatectomy hepatic hepatitis high higher
    highest histological histology history hormone hospital hypertension imaging immunotherapy in
    incidence incision included induction infection inflammation inpatient insulin intensive
    intermediate interquartile interval intervention intraoperative invasion invasive irradiation
    kidney knee laparoscopic large larger largest last late left length lesion lesions lifestyle
    limited liver lobe lobectomy local locally location log long longest low lower lowest lung
    lymph lymphatic lymphovascular main maintenance major male malignant margin margins marital
    married mastectomy matched maximal maximum mean median men menopausal metachronous metastases
    metastasis metastatic minimal minimum minor missing mixed moderate moderately monotherapy month
    months more mortality mucinous multifocal multiple mutant mutation nausea near negative
    neoadjuvant nerve never new next nine no nodal node nodes none normal not number obese obesity
    objective observed obstruction occupation odds of old older once one open operation operative
    optimism oral organ other others outpatient overall overweight pain palliative pancreas
    pancreatic paper partial partially pathological patient patients percentage perforation
    performance perineural perioperative peritoneal peritoneum physical placebo platelet platelets
    pneumonia poor poorly portal positive posterior postmenopausal postoperative power pregnancy
    premenopausal preoperative present previous primary prior private procedure progression
    progressive proportional prostate proximal public pulmonary quality radiation radical
    radiotherapy range rate ratio ratios readmission receptor rectal rectum recurrence recurrent
    reference regimen region regional relapse renal repeat replaced resectable resected resection
    residual response restricted right risk robotic rural same score screened second secondary
    segment separated sepsis serous serum severe severity sex share short shorter shortest side
    sidedness sigmoid signet simultaneous single site size sleep small smaller smoker smokers
    smoking solid solitary squamous stable stage staged standard standardised standardized start
    state status steroid stomach stroke subdistribution suboptimal subtotal superficial surgeon
    surgery surgical surgically survival suture symptomatic synchronous systemic systolic ten
    tertiary testing the therapeutic therapy thoracic three throat thyroid time timing to total
    toxicity transfusion transit transplant transplantation transverse trauma treated treatment
    triple tumor tumors tumour tumours two type ulcer unifocal unilateral unilobar unknown
    unmarried unresectable unresected untreated up upper urban urine use uterine vaccine vascular
    vein venous ventilation very viral visceral volume waiting weight well widowed wild with within
    without women wound year years yes young younger
    """.split()
)
